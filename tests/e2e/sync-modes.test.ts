import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ingestAnswerSchema, type Manifest, manifestSchema, type Resource } from '@songhua/contracts';
import Database from 'libsql';
import { Client as Postgres } from 'pg';
import { deploymentOf, type System, startSystem } from '../harness/system.js';

const folder = mkdtempSync(join(tmpdir(), 'songhua-modes-'));
const apiVersion = 'songhua/v1';
let source: Database.Database;
let system: System;

const dataset = (name: string, mode: 'append' | 'merge' | 'full', more: Record<string, unknown>): Resource[] => [
  {
    apiVersion,
    kind: 'Dataset',
    metadata: { name },
    spec: {
      title: name,
      department: 'planning-bureau',
      domain: 'planning',
      frequency: 'DAILY',
      primaryKey: mode === 'append' ? [] : ['id'],
      schemaPolicy: 'hold',
      guards: { maxShrink: 0.9, maxRejected: 0.1 },
    },
  },
  {
    apiVersion,
    kind: 'Connector',
    metadata: { name },
    spec: {
      dataset: name,
      kind: 'sqlite',
      mode,
      config: { path: join(folder, 'sources', 'source.db'), table: name, cursor: { column: 'at' }, ...more },
      secrets: {},
    },
  },
];

beforeAll(async () => {
  mkdirSync(join(folder, 'sources'));
  source = new Database(join(folder, 'sources', 'source.db'));
  source.exec(`PRAGMA journal_mode = WAL;
    CREATE TABLE permits (id integer PRIMARY KEY, name text, at text, gone integer DEFAULT 0);
    INSERT INTO permits (id, name, at) VALUES (1, '甲', '2025-03-01 08:00:00'), (2, '乙', '2025-06-01 08:00:00'),
      (3, '丙', '2026-01-01 08:00:00'), (4, '丁', '2026-01-02 08:00:00');
    CREATE TABLE readings (value integer, at text);
    INSERT INTO readings VALUES (7, '2026-01-01 08:00:00'), (7, '2026-01-01 08:00:00'), (9, '2026-01-01 09:00:00');
    CREATE TABLE others (id integer PRIMARY KEY, at text);
    INSERT INTO others VALUES (1, '2026-01-01 08:00:00');`);
  system = await startSystem({
    home: join(folder, 'system'),
    fileRoots: [join(folder, 'sources')],
    ...deploymentOf('modes'),
  });
  await system.apply([
    { apiVersion, kind: 'Department', metadata: { name: 'planning-bureau' }, spec: { title: '自然资源和规划局' } },
    { apiVersion, kind: 'Domain', metadata: { name: 'planning' }, spec: { title: '城市规划' } },
    ...dataset('permits', 'merge', { columns: ['id', 'name', 'at'], softDelete: { column: 'gone' } }),
    ...dataset('readings', 'append', {}),
    ...dataset('others', 'full', {}),
  ]);
  expect(await system.sync({ all: true })).toMatchObject({ published: 3, failures: [] });
}, 120_000);

afterAll(async () => {
  await system?.stop({ wipe: true });
  source?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const manifestOf = async (name: string): Promise<Manifest> =>
  manifestSchema.parse(await system.get(`/api/v1/datasets/${name}/versions/latest/manifest`));
const rowsOf = async (name: string): Promise<string[]> =>
  (await (await fetch(new URL(`/data/${name}/latest/data.csv`, system.apiUrl))).text())
    .trimEnd()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => line.split(',').slice(0, 2).join(' '))
    .toSorted();

/** What the catalog holds of how far, and how fresh, a dataset is. */
async function standing(name: string): Promise<unknown> {
  const database = new Postgres({ connectionString: system.engines.endpoints.databaseUrl });
  await database.connect();
  try {
    const { rows } = await database.query(
      `SELECT k.cursor, p.checked_at, p.data_changed_at FROM connector c JOIN connector_cursor k ON k.connector_id = c.id
       JOIN current_pointer p ON p.dataset_id = c.dataset_id WHERE c.name = $1`,
      [name],
    );
    return rows[0];
  } finally {
    await database.end();
  }
}

test('a merge takes what changed, drops what is marked deleted and leaves the rest', async () => {
  source.exec(`UPDATE permits SET name = '丙二', at = '2026-01-03 08:00:00' WHERE id = 3;
    UPDATE permits SET gone = 1, at = '2026-01-03 08:00:00' WHERE id = 4;
    INSERT INTO permits (id, name, at) VALUES (5, '戊', '2026-01-03 08:00:00')`);
  expect(await system.sync({ connectors: ['permits'] })).toMatchObject({ published: 1 });
  expect(await rowsOf('permits')).toEqual(['1 甲', '2 乙', '3 丙二', '5 戊']);
  expect(await manifestOf('permits')).toMatchObject({
    changes: { added: 1, changed: 1, removed: 1 },
    counts: { published: 2, deleted: 1, rejected: 0 },
  });
  expect(await system.sync({ connectors: ['permits'] })).toMatchObject({ unchanged: 1 });
});

test('a backfill publishes what was put right in the past, and moves neither the cursor nor the clocks (I5)', async () => {
  source.exec(`UPDATE permits SET name = '乙二' WHERE id = 2; UPDATE permits SET name = '甲二' WHERE id = 1`);
  const before = await standing('permits');
  expect(await system.sync({ connectors: ['permits'] })).toMatchObject({ unchanged: 1 });
  const range = { from: '2025-05-01', to: '2025-12-31' };
  expect(await system.sync({ connectors: ['permits'] }, { range })).toMatchObject({ published: 1 });
  expect(await rowsOf('permits')).toEqual(['1 甲', '2 乙二', '3 丙二', '5 戊']);
  expect(await standing('permits')).toEqual(before);
  const { source: from } = await manifestOf('permits');
  expect(await system.get(`/api/v1/syncs/${from.sync}`)).toMatchObject({ range, full: false, reset: false });
  expect(await system.sync({ connectors: ['permits'] })).toMatchObject({ unchanged: 1 });
});

test('reading everything finds what vanished without a trace', async () => {
  source.exec('DELETE FROM permits WHERE id = 5');
  expect(await system.sync({ connectors: ['permits'] }, { full: true })).toMatchObject({ published: 1 });
  expect(await rowsOf('permits')).toEqual(['1 甲二', '2 乙二', '3 丙二']);
});

test('an append dataset only grows until it is reset, and other datasets are left alone', async () => {
  source.exec(`DELETE FROM readings WHERE value = 9; INSERT INTO readings VALUES (7, '2026-01-01 10:00:00')`);
  expect(await system.sync({ connectors: ['readings'] }, { full: true })).toMatchObject({ published: 1 });
  const grown = (await rowsOf('readings')).map((row) => row.slice(0, 1));
  expect(grown).toEqual(['7', '7', '7', '9']);
  expect(await system.sync({ connectors: ['readings'] }, { full: true, reset: true })).toMatchObject({ published: 1 });
  expect((await rowsOf('readings')).map((row) => row.slice(0, 1))).toEqual(['7', '7', '7']);
  expect(await manifestOf('others')).toMatchObject({ version: 1 });
});

test('what a department pushes is published in order of arrival, each key once, deletes as well', async () => {
  const [ofPushes, connector] = dataset('pushed', 'merge', {});
  if (ofPushes?.kind !== 'Dataset' || connector?.kind !== 'Connector') throw new Error('not what a dataset is');
  await system.apply([ofPushes, { ...connector, spec: { ...connector.spec, kind: 'push', config: {} } }]);
  const push = async (key: string, body: string, wait = 0) => {
    const response = await fetch(new URL(`/api/v1/ingest/pushed?wait=${wait}`, system.apiUrl), {
      method: 'POST',
      headers: { authorization: `Bearer ${system.operatorKey}`, 'idempotency-key': key },
      body,
    });
    return { status: response.status, body: ingestAnswerSchema.parse(await response.json()) };
  };
  const first = await push('k1', 'id,name\n1,甲\n2,乙\n');
  await Promise.all([push('k1', 'id,name\n1,甲\n2,乙\n'), push('k2', 'id,name\n2,乙二\n3,丙\n')]);
  const last = await push('k3', '{"records":[{"id":4,"name":"丁"}],"deletes":[1]}', 60);
  expect(last).toMatchObject({ status: 200, body: { state: 'published', refresh: 'published', reason: null } });
  expect(await rowsOf('pushed')).toEqual(['2 乙二', '3 丙', '4 丁']);
  const again = await push('k1', 'id,name\n1,甲\n2,乙\n', 60);
  expect(again.body.sync).toBe(first.body.sync);
  expect(await rowsOf('pushed')).toEqual(['2 乙二', '3 丙', '4 丁']);
});

test('what cannot be asked is refused with the reason', async () => {
  const range = { from: '2025-01-01' };
  const refused = async (body: Record<string, unknown>): Promise<string> =>
    system.post('/api/v1/syncs', body).then(
      () => 'accepted',
      (error: Error) => error.message,
    );
  expect(await refused({ connectors: ['others'], range })).toMatch(/400.*append and merge only: others \(full\)/);
  expect(await refused({ all: true, range })).toMatch(/400.*name the connectors/);
  expect(await refused({ connectors: ['permits'], range, full: true })).toMatch(/400.*on its own/);
  expect(await refused({ connectors: ['permits'], range: {} })).toMatch(/400.*from, to or both/);
});
