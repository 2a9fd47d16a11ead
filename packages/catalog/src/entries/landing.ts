import type { SyncRepository } from '../sync-types.js';
import { createSyncRepository } from '../syncs.js';
import type { CatalogOptions } from '../types.js';
import { type Opened, openDatabase } from './opened.js';

/** What landing does in the catalog: it says what landed of a sync, what keeps it from landing, or why it did not. */
export interface LandingCatalog extends Opened {
  syncs: Pick<SyncRepository, 'land' | 'landingTrouble'>;
}

/** See `LandingCatalog`. Connects on first use; every method throws SonghuaError. The database must be migrated. */
export function createLandingCatalog(options: CatalogOptions): LandingCatalog {
  const { database, opened } = openDatabase(options, 'landing');
  return { ...opened, syncs: createSyncRepository(database) };
}
