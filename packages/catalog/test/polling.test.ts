import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { type Catalog, type ConnectorRecord, createCatalog } from '../src/index.js';
import { createTestDatabase } from '../src/testing.js';
import { applyEstate, deliver, enqueue } from './estate.js';

/* What services and waiting people poll must not cost more from year to year. */
const ENDED = 30_000;
// Far below what ended, far above what is under way.
const FEW = 300;
let catalog: Catalog;
let connector: ConnectorRecord;
let client: pg.Client;
let databaseUrl: string;
let drop: (() => Promise<void>) | undefined;

beforeAll(async () => {
  const database = await createTestDatabase();
  ({ url: databaseUrl, drop } = database);
  catalog = createCatalog({ databaseUrl, poolSize: 1 });
  const [only] = await applyEstate(catalog, 1);
  connector = only as ConnectorRecord;
  client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(
    `INSERT INTO sync (id, connector_id, dataset_id, department, slot, number, state, queued_at, started_at, read_at, landing_key,
       landing_attempt, landed_at, ended_at, traceparent)
     SELECT 'sy_old_' || n, $1, $2, $3, 'request:old-' || n, n, 'unchanged', t, t, t, 'landing/' || n, 1, t, t, ''
     FROM generate_series(1, $4) n, LATERAL (SELECT now() - interval '400 days' + n * interval '15 minutes' AS t) x`,
    [connector.id, connector.datasetId, connector.department, ENDED],
  );
  await client.query(
    `INSERT INTO rejected_summary (sync_id, dataset_id, count, by_code, key, recorded_at)
     SELECT 'sy_old_' || n, $1, 1, '{}', 'quarantine/' || n, now() - interval '300 days' FROM generate_series(1, $2, 50) n`,
    [connector.datasetId, ENDED],
  );
  await client.query(
    `INSERT INTO ingest (sync_id, connector_id, sha256, bytes, object_key, name, pushed_by, pushed_at)
     SELECT 'sy_old_' || n, $1, repeat('0', 64), 1, 'ingest/' || n, 'a.csv', 'key:a', now() - interval '300 days' FROM generate_series(1, $2, 2) n`,
    [connector.id, ENDED],
  );
  await client.query('UPDATE connector SET last_number = $1', [ENDED]);
  await deliver(catalog, connector, 'request:new');
  await enqueue(catalog, [connector], 'request:waiting');
  await client.query('VACUUM ANALYZE sync, rejected_summary, ingest');
}, 60_000);
afterAll(async () => {
  await catalog?.close();
  await client?.end();
  await drop?.();
});

/** Rows of syncs, and of what they rejected, that were read meanwhile. */
async function rowsRead(work: () => Promise<unknown>): Promise<number> {
  const counted = async (): Promise<number> => {
    // Both backends tell what they counted before it is read.
    await flush();
    const { rows } = await client.query<{ n: string }>(
      `SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) AS n FROM pg_stat_user_tables
       WHERE relname IN ('sync', 'rejected_summary', 'ingest')`,
    );
    return Number(rows[0]?.n);
  };
  const before = await counted();
  await work();
  return (await counted()) - before;
}

/** Statistics of the pool's one connection are told when it ends. */
async function flush(): Promise<void> {
  await catalog?.close();
  const others = 'SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()';
  while ((await client.query(others)).rows.length > 0) await delay(20);
  await client.query('SELECT pg_stat_clear_snapshot()');
  catalog = createCatalog({ databaseUrl, poolSize: 1 });
}

const polled: [string, () => Promise<unknown>][] = [
  ['the progress of a request', () => catalog.syncs.progress('new')],
  ['the syncs of a request', () => catalog.syncs.list({ request: 'new', limit: 10, offset: 0 })],
  ['the newest syncs', () => catalog.syncs.list({ limit: 10, offset: 0 })],
  ['what waits for a person', () => catalog.syncs.list({ refresh: 'held', limit: 10, offset: 0 })],
  ['reads whose lease ran out', () => catalog.syncs.recoverExpired(3)],
  ['deliveries that never landed', () => catalog.syncs.recoverDelivered(600, 7200)],
  ['what lanes lost', () => catalog.syncs.recoverLanded(300, 250)],
  ['what is to be read next', () => catalog.syncs.take('poller', 4, 4, 60)],
  ['connectors that fail', () => catalog.health.ailing(60)],
  ['connectors that wait', () => catalog.health.due()],
  ['the last slots', () => catalog.connectors.lastSlots()],
  ['the totals', () => catalog.estate.summary(new Date())],
];

// A page of the collector, and what it reads of each: the sync, the next ones, those of the same landing, what belongs to it.
const ASKED = 100;
const PER_SYNC = 20;
const asked = (from: number): string[] => Array.from({ length: ASKED }, (_, n) => `sy_old_${from + n}`);
const pushed = (id: string): string => id.replace('sy_old_', 'ingest/');
const before = (days: number): Date => new Date(Date.now() - days * 86_400_000);

const collected: [string, () => Promise<unknown>][] = [
  ['what old landings are needed for', () => catalog.collection.syncNeeds(asked(1), 2)],
  ['what the newest landings are needed for', () => catalog.collection.syncNeeds(asked(ENDED - ASKED + 1), 2)],
  ['giving landings up', () => catalog.collection.releaseLandings(asked(200), { before: before(1), kept: 2 })],
  ['which pushes are needed', () => catalog.collection.pushes(asked(1).map(pushed), before(1))],
  [
    'which of the newest pushes are needed',
    () => catalog.collection.pushes(asked(ENDED - ASKED).map(pushed), before(1)),
  ],
  ['which syncs are expired', () => catalog.collection.trimSyncs({ before: before(1), kept: 2 }, null, ASKED, true)],
  ['removing syncs', () => catalog.collection.trimSyncs({ before: before(1), kept: 2 }, null, ASKED, false)],
  ['forgetting rejected rows', () => catalog.collection.trimRejected(before(1), ASKED)],
];

test.each(collected)('%s reads what the page is about, however many syncs its connector has', async (_name, call) => {
  expect(await rowsRead(call)).toBeLessThan(ASKED * PER_SYNC);
});

test.each(polled)('%s reads the syncs that it is about, however many ended before', async (_name, call) => {
  expect(await rowsRead(call)).toBeLessThan(FEW);
});
