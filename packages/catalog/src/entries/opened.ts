import { createDatabase, type Database } from '../database.js';
import { listen } from '../listen.js';
import type { CatalogOptions, Channel } from '../types.js';

/** What every service's part of the catalog has. */
export interface Opened {
  /** Asks the database anything; throws SonghuaError when it does not answer. */
  ping(): Promise<void>;
  /** Calls `wake` on every notification of `channel`, and once after each (re)connect; only a hint. Returns what stops it. */
  listen(channel: Channel, wake: () => void): () => Promise<void>;
  close(): Promise<void>;
}

/** Connects on first use. */
export function openDatabase(options: CatalogOptions): { database: Database; opened: Opened } {
  const database = createDatabase(options);
  return {
    database,
    opened: {
      async ping() {
        await database.query('ping', 'SELECT 1');
      },
      listen: (channel, wake) => listen(options.databaseUrl, channel, wake),
      close: () => database.close(),
    },
  };
}
