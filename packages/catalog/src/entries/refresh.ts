import { namesOf } from '@songhua/contracts';
import { createReplayRepository } from '../holds.js';
import type { ReplayRepository } from '../operate-types.js';
import type { RefreshRepository } from '../refresh-types.js';
import { createRefreshRepository } from '../refreshes.js';
import type { CatalogOptions } from '../types.js';
import { type Opened, openDatabase } from './opened.js';

export { assertReplayable } from '../replayable.js';

/** What the refresh service does in the catalog: it takes a sync from landed to its end, and publishes versions. */
export interface RefreshCatalog extends Opened {
  refreshes: RefreshRepository;
  replays: Pick<ReplayRepository, 'source'>;
}

/**
 * See `RefreshCatalog`. Connects on first use; every method throws SonghuaError. The database must be migrated. Throws `config.invalid` where
 * the deployment's name cannot be one.
 */
export function createRefreshCatalog(options: CatalogOptions): RefreshCatalog {
  const { eventSource } = namesOf(options.deployment ?? '');
  const { database, opened } = openDatabase(options, 'refresh');
  return {
    ...opened,
    refreshes: createRefreshRepository(database, eventSource),
    replays: createReplayRepository(database),
  };
}
