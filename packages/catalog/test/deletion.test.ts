import { afterAll, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import type { Catalog, ConnectorRecord } from '../src/index.js';
import { createWorld, deliver, landed, TRACEPARENT } from './estate.js';

let catalog: Catalog;
let connector: ConnectorRecord;
let client: pg.Client | undefined;
const world = createWorld(4);
beforeEach(async () => {
  await client?.end();
  const fresh = await world.fresh();
  ({ catalog, connector } = fresh);
  client = new pg.Client({ connectionString: fresh.databaseUrl });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await world.end();
});

const run = async <T>(sql: string, values: unknown[] = []): Promise<T[]> =>
  ((await client?.query(sql, values))?.rows ?? []) as T[];

/**
 * Every table whose rows may lead to a dataset by foreign keys; not those whose rows cannot be without a version, because a published
 * dataset stays.
 */
async function tablesOfDataset(): Promise<string[]> {
  const rows = await run<{ name: string }>(`
    WITH RECURSIVE link AS (
      SELECT k.conrelid AS here, k.confrelid AS there,
        (SELECT bool_and(a.attnotnull) FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) AS needed
      FROM pg_constraint k WHERE k.contype = 'f'
    ), versioned AS (
      SELECT 'version'::regclass::oid AS of
      UNION SELECT l.here FROM link l JOIN versioned v ON l.there = v.of WHERE l.needed
    ), led AS (
      SELECT 'dataset'::regclass::oid AS of
      UNION SELECT l.here FROM link l JOIN led d ON l.there = d.of WHERE l.here NOT IN (SELECT v.of FROM versioned v)
    )
    SELECT DISTINCT of::regclass::text AS name FROM led WHERE of <> 'dataset'::regclass ORDER BY 1`);
  return rows.map(({ name }) => name);
}

/** What a dataset can have that was pushed to, held, decided on and failing; by hand what it has otherwise only once published. */
async function leaveEverything(): Promise<void> {
  const claim = { connector, slot: 'request:push', full: false, reset: false, traceparent: TRACEPARENT };
  const content = { sha256: '0'.repeat(64), bytes: 1, objectKey: 'ingest/x', name: 'x.csv', by: 'key:1' };
  await catalog.ingests.accept(claim, content);
  const held = await deliver(catalog, connector, 'request:held');
  const reason = { code: 'guard.shrink', message: 'm', actor: 'department', retryable: false } as const;
  await catalog.refreshes.begin(landed(held));
  await catalog.refreshes.finish(
    landed(held),
    { sync: held.id, state: 'held', reason },
    { rejected: { count: 1, byCode: { 'cell.type': 1 }, key: 'q/1' } },
  );
  await catalog.holds.decide(held.id, { approved: false, reason: 'cut', by: 'key:1' });
  await catalog.health.record(
    { id: connector.id, number: held.number },
    { failures: 1, failingSince: new Date(), reason, nextAttemptAt: new Date(), rateLimited: false },
  );
  await catalog.connectors.delete(connector.name, 'alice');
  await run(`INSERT INTO connector_secret (connector_id, name, revision, value) VALUES ($1, 'token', 1, 'sealed1.x')`, [
    connector.id,
  ]);
  await run(`INSERT INTO connector_cursor (connector_id, number, sync_id, cursor) VALUES ($1, 1, $2, '{}')`, [
    connector.id,
    held.id,
  ]);
  await run(`INSERT INTO quarantine_replay (sync_id, replay_of, requested_by) VALUES ($1, $1, 'key:1')`, [held.id]);
}

test('a dataset that was never published is deleted whatever its connectors left, in every table that leads to it', async () => {
  await leaveEverything();
  const counts = async (): Promise<[string, number][]> => {
    const found: [string, number][] = [];
    for (const table of await tablesOfDataset()) {
      const [row] = await run<{ rows: number }>(`SELECT count(*)::integer AS rows FROM ${table}`);
      found.push([table, row?.rows ?? 0]);
    }
    return found;
  };
  expect((await counts()).filter(([, rows]) => rows === 0)).toEqual([]);

  expect(await catalog.estate.delete('Dataset', connector.dataset, 'alice')).toBe(true);
  expect((await counts()).filter(([, rows]) => rows > 0)).toEqual([]);
});
