import { createAuditRepository } from '../access-audit.js';
import type { AuditRepository } from '../access-types.js';
import { createConnectorRepository } from '../connectors.js';
import { createHealthRepository } from '../health.js';
import { createIngestRepository, type IngestRepository } from '../ingests.js';
import type { HealthRepository, SecretRepository } from '../operate-types.js';
import type { ResourceRepository } from '../resource-types.js';
import { createResourceRepository } from '../resources.js';
import { createSecretRepository } from '../sealed-secrets.js';
import type { SyncRepository } from '../sync-types.js';
import { createSyncRepository } from '../syncs.js';
import type { CatalogOptions, ConnectorRepository } from '../types.js';
import { type Opened, openDatabase } from './opened.js';

/** What the connector service does in the catalog: it writes connectors, their secrets and health, and syncs until they are delivered. */
export interface ConnectorCatalog extends Opened {
  syncs: Pick<
    SyncRepository,
    'enqueue' | 'take' | 'renew' | 'giveBack' | 'finish' | 'recoverExpired' | 'recoverDelivered' | 'list'
  >;
  connectors: ConnectorRepository;
  secrets: SecretRepository;
  health: HealthRepository;
  ingests: IngestRepository;
  resources: Pick<ResourceRepository, 'get'>;
  audit: Pick<AuditRepository, 'append'>;
}

/** See `ConnectorCatalog`. Connects on first use; every method throws SonghuaError. The database must be migrated. */
export function createConnectorCatalog(options: CatalogOptions): ConnectorCatalog {
  const { database, opened } = openDatabase(options, 'connector');
  return {
    ...opened,
    syncs: createSyncRepository(database),
    connectors: createConnectorRepository(database),
    secrets: createSecretRepository(database),
    health: createHealthRepository(database),
    ingests: createIngestRepository(database),
    resources: createResourceRepository(database),
    audit: createAuditRepository(database),
  };
}
