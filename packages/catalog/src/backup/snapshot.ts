import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { databaseError } from '../errors.js';
import { cutOf } from './cut.js';
import { OBJECTS, VERSIONS } from './names.js';
import type { CatalogSnapshot, NamedObject, NamedVersion } from './types.js';

// Rows held in memory while the list of all objects is read.
const PAGE = 1_000;
const LOOK_MS = 1_000; // A collection takes minutes.

/**
 * Opens the catalog as it is now, in one read-only transaction. Waits for a collector that is at work (`onWait` tells of it), and for
 * another backup of the same database. Throws SonghuaError.
 */
export async function openSnapshot(
  databaseUrl: string,
  onWait: () => void = () => undefined,
): Promise<CatalogSnapshot> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: 10_000,
    application_name: 'songhua-backup',
    // The connection holds the lock while objects are copied, which may take hours.
    keepAlive: true,
    idle_in_transaction_session_timeout: 0,
  });
  // A connection that breaks has lost its lock: the next query fails.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await lockOutCollector(client, onWait);
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const cut = await cutOf(client);
    return {
      cut,
      copyOut({ name, columns }) {
        const list = columns.map((column) => client.escapeIdentifier(column)).join(', ');
        const stream = client.query(copyTo(`COPY ${client.escapeIdentifier(name)} (${list}) TO STDOUT`));
        return { stream, rows: () => stream.rowCount };
      },
      versions: () => pages<NamedVersion>(client, VERSIONS),
      objects: () => pages<NamedObject>(client, OBJECTS),
      async release() {
        await client.query('COMMIT');
      },
      async close() {
        // Fails when the connection, and the lock with it, was lost meanwhile.
        await client.query('SELECT 1').finally(() => client.end());
      },
    };
  } catch (error) {
    await client.end().catch(() => undefined);
    throw databaseError(error);
  }
}

/** Nothing is removed from the bucket while this connection lives: `collection_begin` asks for the same lock. */
async function lockOutCollector(client: pg.Client, onWait: () => void): Promise<void> {
  const { rows } = await client.query<{ locked: boolean }>(
    `SELECT pg_try_advisory_lock(hashtext('songhua.gc')) AS locked`,
  );
  if (!rows[0]?.locked) {
    onWait();
    await client.query(`SELECT pg_advisory_lock(hashtext('songhua.gc'))`);
  }
  const underway = `SELECT EXISTS (SELECT 1 FROM collection
    WHERE ended_at IS NULL AND NOT dry_run AND lease_until > clock_timestamp()) AS underway`;
  while ((await client.query<{ underway: boolean }>(underway)).rows[0]?.underway) {
    onWait();
    await delay(LOOK_MS);
  }
}

async function* pages<Row extends object>(client: pg.Client, sql: string): AsyncGenerator<Row> {
  const ask = (text: string) =>
    client.query<{ row: Row }>(text).catch((error: unknown) => {
      throw databaseError(error);
    });
  await ask(`DECLARE named NO SCROLL CURSOR FOR ${sql}`);
  for (;;) {
    const { rows } = await ask(`FETCH ${PAGE} FROM named`);
    for (const { row } of rows) yield row;
    if (rows.length < PAGE) break;
  }
  await ask('CLOSE named');
}
