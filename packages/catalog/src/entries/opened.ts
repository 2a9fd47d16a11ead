import { createDatabase, type Database } from '../database.js';
import { listen } from '../listen.js';
import type { ServiceRole } from '../rights.js';
import { assertRights } from '../roles.js';
import type { CatalogOptions, Channel } from '../types.js';

/** What every service's part of the catalog has. */
export interface Opened {
  /** Asks the database whether the service may do its work; throws SonghuaError when it may not or nobody answers. */
  ping(): Promise<void>;
  /** Calls `wake` on every notification of `channel`, and once after each (re)connect; only a hint. Returns what stops it. */
  listen(channel: Channel, wake: () => void): () => Promise<void>;
  close(): Promise<void>;
}

/** Connects on first use. */
export function openDatabase(options: CatalogOptions, service: ServiceRole): { database: Database; opened: Opened } {
  const database = createDatabase(options);
  return {
    database,
    opened: {
      ping: () => assertRights(database, service),
      listen: (channel, wake) => listen(options.databaseUrl, channel, wake),
      close: () => database.close(),
    },
  };
}
