import { namesOf } from '@songhua/contracts';
import { createAuditRepository } from './access-audit.js';
import { createAccessRepository } from './access-keys.js';
import { createCollectionRepository } from './collection.js';
import { createConnectorRepository } from './connectors.js';
import { createDatabase } from './database.js';
import { createEstateRepository } from './estate-repository.js';
import { createHealthRepository, createNoticeRepository } from './health.js';
import { createHoldRepository, createReplayRepository } from './holds.js';
import { createIngestRepository } from './ingests.js';
import { listen } from './listen.js';
import { createRefreshRepository } from './refreshes.js';
import { createResourceRepository } from './resources.js';
import { createRollbackRepository } from './rollbacks.js';
import { createSecretRepository } from './sealed-secrets.js';
import { createSyncRepository } from './syncs.js';
import type { Catalog, CatalogOptions } from './types.js';

/** The catalog on PostgreSQL. Connects on first use; every method throws SonghuaError. The database must be migrated. */
export function createCatalog(options: CatalogOptions): Catalog {
  const database = createDatabase(options);
  return {
    syncs: createSyncRepository(database),
    connectors: createConnectorRepository(database),
    refreshes: createRefreshRepository(database, namesOf(options.deployment ?? '').eventSource),
    estate: createEstateRepository(database),
    resources: createResourceRepository(database),
    health: createHealthRepository(database),
    notices: createNoticeRepository(database),
    secrets: createSecretRepository(database),
    ingests: createIngestRepository(database),
    holds: createHoldRepository(database),
    replays: createReplayRepository(database),
    rollbacks: createRollbackRepository(database),
    access: createAccessRepository(database),
    audit: createAuditRepository(database),
    collection: createCollectionRepository(database),
    async ping() {
      await database.query('ping', 'SELECT 1');
    },
    listen: (channel, wake) => listen(options.databaseUrl, channel, wake),
    close: () => database.close(),
  };
}
