import { createAuditRepository } from '../access-audit.js';
import { createAccessRepository } from '../access-keys.js';
import type { AccessRepository, AuditRepository } from '../access-types.js';
import { createCollectionRepository } from '../collection.js';
import type { CollectionRepository } from '../collection-types.js';
import { createConnectorRepository } from '../connectors.js';
import { createEstateRepository } from '../estate-repository.js';
import { createHealthRepository, createNoticeRepository } from '../health.js';
import { createHoldRepository, createReplayRepository } from '../holds.js';
import type {
  HealthRepository,
  HoldRepository,
  NoticeRepository,
  ReplayRepository,
  RollbackRepository,
} from '../operate-types.js';
import type { ResourceRepository } from '../resource-types.js';
import { createResourceRepository } from '../resources.js';
import { createRollbackRepository } from '../rollbacks.js';
import type { SyncRepository } from '../sync-types.js';
import { createSyncRepository } from '../syncs.js';
import type { CatalogOptions, ConnectorRepository, EstateRepository } from '../types.js';
import { type Opened, openDatabase } from './opened.js';

export { blankReport } from '../collection.js';
export { assertReplayable } from '../replayable.js';

/**
 * What the catalog service does in the catalog: it reads everything but secrets, writes the estate, keys, decisions and what it announced, and
 * collects what is kept no longer; of syncs it changes only what a person asked for, or what another service lost.
 */
export interface ServedCatalog extends Opened {
  syncs: Pick<SyncRepository, 'get' | 'list' | 'progress' | 'cancel' | 'rereadDelivered' | 'recoverLanded'>;
  connectors: Pick<ConnectorRepository, 'get' | 'list'>;
  estate: EstateRepository;
  resources: ResourceRepository;
  health: Pick<HealthRepository, 'of'>;
  notices: NoticeRepository;
  holds: HoldRepository;
  replays: ReplayRepository;
  rollbacks: RollbackRepository;
  access: AccessRepository;
  audit: AuditRepository;
  collection: CollectionRepository;
}

/** See `ServedCatalog`. Connects on first use; every method throws SonghuaError. The database must be migrated. */
export function createServedCatalog(options: CatalogOptions): ServedCatalog {
  const { database, opened } = openDatabase(options, 'catalog');
  return {
    ...opened,
    syncs: createSyncRepository(database),
    connectors: createConnectorRepository(database),
    estate: createEstateRepository(database),
    resources: createResourceRepository(database),
    health: createHealthRepository(database),
    notices: createNoticeRepository(database),
    holds: createHoldRepository(database),
    replays: createReplayRepository(database),
    rollbacks: createRollbackRepository(database),
    access: createAccessRepository(database),
    audit: createAuditRepository(database),
    collection: createCollectionRepository(database),
  };
}
