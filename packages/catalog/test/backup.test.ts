import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { type CatalogCopy, loadCatalog, openSnapshot } from '../src/backup/index.js';
import { rebuildTables } from '../src/backup/schema.js';
import { createServedCatalog } from '../src/entries/catalog.js';
import { createConnectorCatalog } from '../src/entries/connector.js';
import { createLandingCatalog } from '../src/entries/landing.js';
import { createRefreshCatalog } from '../src/entries/refresh.js';
import { type ConnectorRecord, createCatalog } from '../src/index.js';
import { listMigrations } from '../src/migrations/sources.js';
import { SERVICE_ROLES, type ServiceRole } from '../src/rights.js';
import { createTestDatabase, type TestDatabase } from '../src/testing.js';
import { applyEstate, deliver, enqueue, publish, result } from './estate.js';

const OPEN = {
  connector: createConnectorCatalog,
  landing: createLandingCatalog,
  refresh: createRefreshCatalog,
  catalog: createServedCatalog,
};
const options = { eventSource: '/songhua/catalog', audit: { backup: 'b1' } };
const databases: TestDatabase[] = [];
const anew = async (): Promise<string> => {
  const database = await createTestDatabase();
  databases.push(database);
  return database.url;
};
let source: string;
beforeAll(async () => {
  source = await anew();
  const catalog = createCatalog({ databaseUrl: source, poolSize: 3 });
  const connectors = await applyEstate(catalog, 4, 2);
  const [published, open, reading, delivered] = connectors as [
    ConnectorRecord,
    ConnectorRecord,
    ConnectorRecord,
    ConnectorRecord,
  ];
  await publish(catalog, published, 'slot-1', 1, 'first');
  await publish(catalog, published, 'slot-2', 2, 'second', { version: 1, content: 'first' });
  await deliver(catalog, open, 'slot-1');
  await enqueue(catalog, [reading, delivered], 'slot-1');
  const taken = await catalog.syncs.take('gone', 2, 2, 3600);
  const last = taken.find(({ connector }) => connector === delivered.name);
  if (last) await catalog.syncs.finish('gone', [result(last, 'delivered')]);
  await catalog.close();
});
afterAll(async () => {
  for (const database of databases) await database.drop();
});

/** A backup in memory. */
async function copyOf(databaseUrl: string, cutShort = ''): Promise<CatalogCopy> {
  const snapshot = await openSnapshot(databaseUrl);
  const tables: CatalogCopy['tables'] = [];
  const contents = new Map<string, string>();
  for (const table of snapshot.cut.tables) {
    const { stream, rows } = snapshot.copyOut(table);
    const content = await text(stream as Readable);
    contents.set(table.name, table.name === cutShort ? content.slice(content.indexOf('\n') + 1) : content);
    tables.push({ ...table, rows: rows() });
  }
  await snapshot.release();
  await snapshot.close();
  return { cut: snapshot.cut, tables, read: ({ name }) => Readable.from(contents.get(name) ?? '') };
}

async function ask<Row>(databaseUrl: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Row[];
  } finally {
    await client.end();
  }
}

const rowsOf = async (databaseUrl: string, table: string): Promise<string[]> =>
  (await ask<{ row: string }>(databaseUrl, `SELECT to_jsonb(t)::text AS row FROM ${table} t ORDER BY 1`)).map(
    ({ row }) => row,
  );
const constraintsOf = (databaseUrl: string): Promise<unknown[]> =>
  ask(
    databaseUrl,
    `SELECT conrelid::regclass::text AS of, conname, pg_get_constraintdef(oid) AS definition, convalidated FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY 1, 2`,
  );

test('a catalog comes back row by row, with its constraints, its guards and the times of its migrations', async () => {
  const target = await anew();
  const constraints = await constraintsOf(target);
  const loaded = await loadCatalog(target, await copyOf(source), options);
  for (const table of ['department', 'dataset', 'revision', 'version', 'current_pointer', 'connector_cursor', 'relay'])
    expect([table, await rowsOf(target, table)]).toEqual([table, await rowsOf(source, table)]);
  expect(await constraintsOf(target)).toEqual(constraints);
  const times = 'SELECT migration_name, checksum, finished_at FROM _prisma_migrations ORDER BY 1';
  expect(await ask(target, times)).toEqual(await ask(source, times));
  await expect(ask(target, 'UPDATE version SET rows = 0')).rejects.toThrow('never changed');
  const catalog = createCatalog({ databaseUrl: target, poolSize: 1 });
  const head = (await ask<{ sequence: string }>(source, 'SELECT max(sequence) AS sequence FROM audit'))[0];
  expect(await catalog.audit.verify([])).toMatchObject({ ok: true, count: Number(head?.sequence) + 1 });
  expect(await catalog.audit.list({ limit: 1 })).toMatchObject([
    { action: 'catalog.restore', detail: { backup: 'b1' } },
  ]);
  await catalog.close();
  expect(loaded).toMatchObject({ migrated: [], announced: 1, readAgain: 2, handedOver: 1 });
});

test('services that may work before a restore may work after it, and say so when they may not', async () => {
  const target = await createTestDatabase();
  const openAs = async (service: ServiceRole) =>
    OPEN[service]({ databaseUrl: (await target.as(service)).url, poolSize: 1 });
  const services = await Promise.all(SERVICE_ROLES.map(openAs));
  try {
    for (const service of services) await service.ping();
    await loadCatalog(target.url, await copyOf(source), options);
    for (const service of services) await service.ping();
    for (const service of SERVICE_ROLES)
      await ask(target.url, `REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM ${(await target.as(service)).role}`);
    for (const service of services)
      await expect(service.ping()).rejects.toMatchObject({ code: 'catalog.rights', actor: 'operator' });
  } finally {
    for (const service of services) await service.close();
    await target.drop();
  }
});

test('what was under way goes on at once: it waits for no lease, and nothing of it is held against its source', async () => {
  const target = await anew();
  await loadCatalog(target, await copyOf(source), options);
  const catalog = createCatalog({ databaseUrl: target, poolSize: 2 });
  expect(await catalog.syncs.recoverLanded(300, 10)).toHaveLength(1);
  const taken = await catalog.syncs.take('here', 10, 10, 60);
  expect(taken.map(({ attempt, state }) => [attempt, state])).toEqual([
    [1002, 'reading'],
    [1002, 'reading'],
  ]);
  expect(await ask(target, 'SELECT sum(crashes + losses)::integer AS counted FROM sync')).toEqual([{ counted: 0 }]);
  await catalog.close();
});

test('every current version is announced once more, far from positions that consumers of the lost catalog may have seen', async () => {
  const target = await anew();
  const copy = await copyOf(source);
  await loadCatalog(target, copy, { ...options, eventSource: '/songhua/anew/catalog' });
  const catalog = createCatalog({ databaseUrl: target, poolSize: 2 });
  const told: unknown[] = [];
  await catalog.estate.relay(10, async (events) => {
    told.push(...events);
  });
  const [, old] = await ask<{ event: Record<string, unknown> }>(source, 'SELECT event FROM outbox ORDER BY position');
  expect(told).toHaveLength(3);
  expect(told[2]).toEqual({ ...old?.event, time: expect.any(String), source: '/songhua/anew/catalog' });
  const last = await ask<{ last: string }>(source, 'SELECT max(position) AS last FROM outbox');
  expect(Number(await catalog.estate.lastPosition())).toBeGreaterThan(Number(last[0]?.last) + 1000);
  await catalog.close();
});

test('a catalog of an earlier release becomes one of this release, with what its migrations make of the rows', async () => {
  const [before, target] = [await anew(), await anew()];
  const client = new pg.Client({ connectionString: before });
  await client.connect();
  const earlier = listMigrations().slice(0, -1);
  const missing = listMigrations().at(-1)?.name;
  await rebuildTables(
    client,
    earlier.map(({ name, checksum }) => ({ name, checksum, appliedAt: '2026-01-01T00:00:00Z' })),
  );
  await client.query(`INSERT INTO domain (name, title, spec) VALUES ('water', '水务', '{}')`);
  await client.end();
  expect((await loadCatalog(target, await copyOf(before), options)).migrated).toEqual([missing]);
  expect(await ask(target, 'SELECT name FROM domain')).toEqual([{ name: 'water' }]);
});

test('nothing is restored over datasets, from a later release, or from rows that are not all there', async () => {
  const copy = await copyOf(source);
  await expect(loadCatalog(source, copy, options)).rejects.toMatchObject({ code: 'restore.not-empty' });
  const target = await anew();
  const later = { ...copy.cut, migrations: [...copy.cut.migrations, { name: '2999', checksum: 'x', appliedAt: '' }] };
  await expect(loadCatalog(target, { ...copy, cut: later }, options)).rejects.toMatchObject({ code: 'backup.newer' });
  await expect(loadCatalog(target, await copyOf(source, 'department'), options)).rejects.toMatchObject({
    code: 'backup.damaged',
  });
  expect(await ask(target, 'SELECT count(*)::integer AS n FROM dataset')).toEqual([{ n: 0 }]);
});

test('a snapshot is of one moment, and keeps the collector away to its end', async () => {
  const snapshot = await openSnapshot(source);
  await ask(source, `INSERT INTO domain (name, title, spec) VALUES ('later', '以后', '{}')`);
  const table = snapshot.cut.tables.find(({ name }) => name === 'domain');
  if (!table) throw new Error('no table domain');
  const { stream } = snapshot.copyOut(table);
  expect(await text(stream as Readable)).not.toContain('later');
  await snapshot.release();
  const catalog = createCatalog({ databaseUrl: source, poolSize: 1 });
  const collect = () => catalog.collection.begin({ dryRun: false, by: 'test', leaseSeconds: 60, everySeconds: 0 });
  expect(await collect()).toBeUndefined();
  await snapshot.close();
  const id = await collect();
  expect(id).toEqual(expect.any(Number));

  let waited = false;
  const opened = openSnapshot(source, () => {
    waited = true;
    void ask(source, 'UPDATE collection SET ended_at = clock_timestamp()');
  });
  await (await opened).close();
  expect(waited).toBe(true);
  await catalog.close();
});
