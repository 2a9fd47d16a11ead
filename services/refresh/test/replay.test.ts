import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Catalog, createCatalog } from '@songhua/catalog';
import { createTestDatabase, type TestDatabase } from '@songhua/catalog/testing';
import {
  type ConnectorSpec,
  type DatasetSpec,
  type Detail,
  keys,
  type LandingManifest,
  type LaneReference,
  manifestSchema,
  packRuns,
} from '@songhua/contracts';
import { type SyncMode, syncId } from '@songhua/domain';
import { createMinioStore, type ObjectStore } from '@songhua/object-store';
import { createTables, type Tables } from '@songhua/tables';
import { forecastReplay } from '../src/forecast.js';
import { refreshDataset } from '../src/refresh-dataset.js';

const apiVersion = 'songhua/v1';
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
let database: TestDatabase;
let catalog: Catalog;
let store: ObjectStore;
let tables: Tables;
let tempDirectory: string;

const variable = (name: string): string => {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`${name} is not set; point it at running engines, or run \`npm test\``);
};

beforeAll(async () => {
  database = await createTestDatabase();
  catalog = createCatalog({ databaseUrl: database.url, poolSize: 4 });
  store = createMinioStore({
    endpoint: variable('SONGHUA_TEST_S3_ENDPOINT'),
    accessKey: variable('SONGHUA_TEST_S3_ACCESS_KEY'),
    secretKey: variable('SONGHUA_TEST_S3_SECRET_KEY'),
    bucket: `songhua-test-${randomBytes(6).toString('hex')}`,
  });
  await store.ensureBucket();
  tempDirectory = await mkdtemp(join(tmpdir(), 'songhua-replay-test-'));
  tables = createTables({ memoryMb: 128, threads: 1, tempDirectory });
  await catalog.catalog.apply(
    [
      { apiVersion, kind: 'Department', metadata: { name: 'education' }, spec: { title: '教育局' } },
      { apiVersion, kind: 'Domain', metadata: { name: 'society' }, spec: { title: '社会' } },
    ],
    'test',
  );
}, 60_000);
afterAll(async () => {
  await tables?.close();
  const objects: string[] = [];
  for await (const { key } of store.list('')) objects.push(key);
  await store.delete(objects);
  await catalog?.close();
  await database?.drop();
  await rm(tempDirectory, { recursive: true, force: true });
});

const deps = () => ({ store, tables, tempDirectory, refreshes: catalog.refreshes, replays: catalog.replays });

const spec = (more: Partial<DatasetSpec>): DatasetSpec => ({
  title: '成绩',
  department: 'education',
  domain: 'society',
  frequency: 'DAILY',
  primaryKey: ['id'],
  columns: [
    { name: 'id', type: 'integer' },
    { name: 'score', type: 'decimal' },
  ],
  schemaPolicy: 'hold',
  guards: { maxShrink: 0.5, maxRejected: 1 },
  ...more,
});

const applyDataset = (name: string, more: Partial<DatasetSpec> = {}) =>
  catalog.catalog.apply([{ apiVersion, kind: 'Dataset', metadata: { name }, spec: spec(more) }], 'test');

type Landed = LaneReference & { connector: string; dataset: string };

/** A dataset, its connector, and how its source is read and refreshed. */
async function createSource(name: string, mode: SyncMode, more: Partial<DatasetSpec> = {}) {
  await applyDataset(name, more);
  const connector: ConnectorSpec = { dataset: name, kind: 'file', mode, config: { path: 'a.csv' }, secrets: {} };
  await catalog.connectors.apply([{ apiVersion, kind: 'Connector', metadata: { name }, spec: connector }], {
    name: 'test',
    mayApprove: true,
  });
  const [record] = await catalog.connectors.list({ names: [name] });
  if (!record) throw new Error(`${name} is not registered`);
  let reads = 0;

  return async (rows: string[], readerRejected: { line: number; raw: string }[] = []): Promise<Landed> => {
    const slot = `request:${++reads}`;
    await catalog.syncs.enqueue([{ connector: record, slot, full: false, traceparent }]);
    const [sync] = await catalog.syncs.take('test', 1, 1, 60);
    if (!sync) throw new Error('no sync to take');
    const text = rows.map((row) => `${row}\n`).join('');
    const ended = { id: sync.id, attempt: 1, state: 'delivered' as const, rows: rows.length, bytes: text.length };
    await catalog.syncs.finish('test', [{ ...ended, rejected: readerRejected.length }]);
    const parts: LandingManifest['parts'] = [];
    const land = async (kind: 'rows' | 'rejected' | 'details', content: string, count: number): Promise<void> => {
      const bytes = gzipSync(content);
      const key = keys.landingPart(sync.datasetId, sync.id, 1, kind);
      await store.put(key, bytes, 'application/gzip');
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const sequence = parts.length;
      parts.push({
        key,
        kind,
        firstSequence: sequence,
        lastSequence: sequence,
        rows: count,
        bytes: bytes.length,
        sha256,
      });
    };
    await land('rows', text, rows.length);
    const refused = readerRejected.map((row) => ({ file: 0, code: 'row.fields', message: '字段数', ...row }));
    if (refused.length > 0)
      await land('rejected', refused.map((row) => `${JSON.stringify(row)}\n`).join(''), refused.length);
    const details: Detail[] = [
      { type: 'columns', columns: ['id', 'score'].map((column) => ({ name: column, source: column })) },
      { type: 'files', files: [{ name: 'a.csv', bytes: 1, sha256: 'x' }] },
      ...packRuns([{ row: 0, line: 2, file: 0 }]),
      { type: 'cursor', text: JSON.stringify({ read: reads }) },
    ];
    await land('details', details.map((detail) => `${JSON.stringify(detail)}\n`).join(''), details.length);
    const manifest: LandingManifest = {
      schema: 'songhua.landing/2',
      dataset: name,
      datasetId: sync.datasetId,
      connector: name,
      sync: sync.id,
      attempt: 1,
      traceparent,
      parts,
      completed: {
        mode,
        scope: mode === 'full' ? 'all' : 'part',
        operations: false,
        reset: false,
        number: sync.number,
        batches: parts.length,
        details: 1,
        rows: rows.length,
        rejected: readerRejected.length,
        bytes: text.length,
        sha256: 'x',
        startedAt: new Date().toISOString(),
        completedAt: new Date().toISOString(),
      },
    };
    const key = keys.landingManifest(sync.datasetId, sync.id, 1);
    await store.put(key, Buffer.from(JSON.stringify(manifest)), 'application/json');
    const { completed } = manifest;
    const { rows: count, rejected, bytes, sha256: content } = completed;
    await catalog.syncs.land(sync.id, { claim: 1, attempt: 1, manifest: key, rows: count, rejected, bytes, content });
    const reference = { sync: sync.id, datasetId: sync.datasetId, attempt: 1, bytes };
    expect(await refresh(reference)).toMatchObject({ state: 'published' });
    return { ...reference, connector: name, dataset: name };
  };
}

async function refresh(reference: LaneReference) {
  const context = await catalog.refreshes.begin(reference);
  return context.handled ?? refreshDataset(deps(), reference, context);
}

const forecast = (of: Landed, codes?: string[]) => forecastReplay(deps(), { sync: of.sync, ...(codes && { codes }) });

async function open(of: Landed, codes?: string[]): Promise<{ sync: string; lane: LaneReference }> {
  const slot = `replay:${randomBytes(4).toString('hex')}`;
  const id = syncId(of.connector, slot);
  const source = await catalog.replays.open({ id, of: of.sync, slot, codes, by: 'key:test', traceparent });
  if (!source?.lane) throw new Error(`cannot be replayed: ${source?.problem}`);
  return { sync: id, lane: source.lane };
}

const replay = async (of: Landed, codes?: string[]) => refresh((await open(of, codes)).lane);

async function published(dataset: string): Promise<Record<string, unknown>[]> {
  const version = await catalog.catalog.version(dataset, 'latest');
  const file = version?.files.find(({ name }) => name === 'data.parquet');
  if (!file) throw new Error('no version');
  const path = join(tempDirectory, `${randomBytes(4).toString('hex')}.parquet`);
  await store.download(file.key, path);
  return (await tables.rows(path, { limit: 100, offset: 0, where: {}, sort: { column: 'id', descending: false } }))
    .rows;
}

const quarantineOf = async (of: Landed) => {
  const found = await catalog.catalog.quarantined(of.sync);
  if (!found) throw new Error('nothing is in quarantine');
  return found;
};

test('after a rule was changed, only the rejected rows are read again, and those that pass become a version', async () => {
  const read = await createSource('full', 'full');
  const sync = await read(['1,90', '2,缺考', '3,八十', '4,70', '5,"缺\n考"'], [{ line: 9, raw: 'a,b,c' }]);
  expect((await quarantineOf(sync)).groups).toMatchObject([
    { field: 'score', count: 3, replayable: 3 },
    { code: 'row.fields', count: 1, replayable: 0 },
  ]);
  const cursors = await catalog.connectors.cursors([(await catalog.connectors.get('full'))?.id ?? '']);
  expect(await forecast(sync)).toMatchObject({ asked: 4, passing: 0, unreadable: [{ code: 'row.fields', count: 1 }] });

  await applyDataset('full', {
    columns: [
      { name: 'id', type: 'integer' },
      { name: 'score', type: 'decimal', blanks: ['缺考'] },
    ],
  });
  expect(await forecast(sync)).toEqual({
    asked: 4,
    passing: 1,
    failing: [{ code: expect.any(String), field: 'score', count: 2 }],
    unreadable: [{ code: 'row.fields', count: 1 }],
    changes: { added: 1, changed: 0, removed: 0 },
  });
  expect(await published('full')).toHaveLength(2);

  expect(await replay(sync)).toMatchObject({ state: 'published', version: 2 });
  expect((await published('full')).map(({ id, score }) => [id, score])).toEqual([
    [1, '90'],
    [2, null],
    [4, '70'],
  ]);
  const left = await quarantineOf(sync);
  expect(left).toMatchObject({ count: 3, replays: [{ count: 1, version: 2, by: 'key:test' }] });
  expect(left.groups.map(({ count }) => count).sort()).toEqual([1, 2]);
  expect(await catalog.connectors.cursors([(await catalog.connectors.get('full'))?.id ?? ''])).toEqual(cursors);
  const { manifestKey } = (await catalog.catalog.version('full', 'latest')) ?? { manifestKey: '' };
  const manifest = manifestSchema.parse(JSON.parse((await store.readAll(manifestKey, 1 << 20)).toString()));
  expect(manifest).toMatchObject({ rows: 3, counts: { read: 3, published: 1, rejected: 2 }, cursor: { read: 1 } });

  // What is left can be replayed again, and nothing that passed is there twice.
  expect(await replay(sync)).toMatchObject({ state: 'unchanged', version: 2 });
  expect(await quarantineOf(sync)).toMatchObject({ count: 3 });
});

test('rows that another rule rejected stay where they are', async () => {
  const read = await createSource('coded', 'full');
  const sync = await read(['1,90', ',80', '3,八十']);
  const { byCode } = await quarantineOf(sync);
  const [keyless, typed] = [
    Object.keys(byCode).find((code) => code.startsWith('key')),
    Object.keys(byCode).find((code) => !code.startsWith('key')),
  ];
  await applyDataset('coded', {
    columns: [
      { name: 'id', type: 'integer' },
      { name: 'score', type: 'string' },
    ],
  });
  expect(await replay(sync, [String(typed)])).toMatchObject({ state: 'published', version: 2 });
  expect(await published('coded')).toHaveLength(2);
  expect((await quarantineOf(sync)).byCode).toEqual({ [String(keyless)]: 1 });
});

test('in a mode in which the last row of a key stands, a replayed row never takes the place of a later one', async () => {
  const read = await createSource('merged', 'merge');
  await read(['1,10', '2,20']);
  const sync = await read(['1,停考', '2,停考', '2,25', '3,停考']);
  expect(await published('merged')).toMatchObject([
    { id: 1, score: '10' },
    { id: 2, score: '25' },
  ]);
  await applyDataset('merged', {
    columns: [
      { name: 'id', type: 'integer' },
      { name: 'score', type: 'decimal', blanks: ['停考'] },
    ],
  });
  expect(await replay(sync)).toMatchObject({ state: 'published' });
  expect((await published('merged')).map(({ id, score }) => [id, score])).toEqual([
    [1, null],
    [2, '25'],
    [3, null],
  ]);
  expect(await quarantineOf(sync)).toMatchObject({ count: 0 });
});

test('a replay that was held and approved is a replay still: it reads rejected rows, and moves no cursor', async () => {
  const read = await createSource('approved', 'full');
  const sync = await read(['1,90', '2,缺考']);
  const id = (await catalog.connectors.get('approved'))?.id ?? '';
  const cursors = await catalog.connectors.cursors([id]);
  await applyDataset('approved', {
    columns: [
      { name: 'id', type: 'integer' },
      { name: 'score', type: 'decimal', blanks: ['缺考'] },
    ],
  });
  const { lane, sync: opened } = await open(sync);
  await catalog.refreshes.begin(lane);
  const reason = { code: 'guard.shrink', message: 'too few', actor: 'department', retryable: false } as const;
  await catalog.refreshes.finish(lane, { sync: opened, state: 'held', reason }, {});
  const decided = await catalog.holds.decide(opened, { approved: true, reason: 'right', by: 'key:test' });
  expect(decided).toMatchObject({ state: 'landed', lane });
  expect(await refresh(decided?.lane as LaneReference)).toMatchObject({ state: 'published', version: 2 });
  expect(await published('approved')).toHaveLength(2);
  expect(await quarantineOf(sync)).toMatchObject({ count: 0 });
  expect(await catalog.connectors.cursors([id])).toEqual(cursors);
});

test('a replay that a later read overtook publishes nothing', async () => {
  const read = await createSource('overtaken', 'full');
  const sync = await read(['1,90', '2,停考']);
  await read(['1,91', '2,80']);
  await expect(replay(sync)).rejects.toThrow('outdated');
  await expect(forecast(sync)).rejects.toMatchObject({ code: 'replay.outdated', actor: 'department' });
});
