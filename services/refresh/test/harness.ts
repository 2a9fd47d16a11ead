import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from '@jest/globals';
import { type ApplyOptions, type Catalog, createCatalog, type EstateApplied, type SyncRecord } from '@songhua/catalog';
import { createRefreshCatalog } from '@songhua/catalog/refresh';
import { createTestDatabase } from '@songhua/catalog/testing';
import {
  type ConnectorSpec,
  type DatasetSpec,
  type Detail,
  keys,
  type LandingManifest,
  type LaneReference,
  packRuns,
  type RefreshOutcome,
} from '@songhua/contracts';
import type { SyncMode } from '@songhua/domain';
import { createMinioStore, type ObjectStore } from '@songhua/object-store';
import { createTables, type Tables } from '@songhua/tables';
import { type RefreshDeps, refreshDataset } from '../src/refresh-dataset.js';

const apiVersion = 'songhua/v1';
export const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** What was read, by the reference that its lane is given. */
export type Landed = LaneReference & { connector: string; dataset: string };
type Rejected = { line: number; raw: string }[];

/** The source of a dataset, as rows of `id,score`. */
export interface Source {
  /** Reads and lands rows, as the whole in mode full and as a part otherwise. */
  land(rows: string[], readerRejected?: Rejected): Promise<Landed>;
  /** Lands what a sync that was queued by somebody else reads, as the whole. */
  landQueued(rows: string[]): Promise<{ sync: SyncRecord; landed: Landed }>;
  /** Lands rows, and expects them to be published. */
  read(rows: string[], readerRejected?: Rejected): Promise<Landed>;
}

/** Refreshing on real engines, with a database and bucket of its own, and no lane. */
export interface Harness {
  catalog: Catalog;
  store: ObjectStore;
  tables: Tables;
  deps: RefreshDeps;
  applyDataset(name: string, more?: Partial<DatasetSpec>, options?: ApplyOptions): Promise<EstateApplied>;
  createSource(name: string, mode: SyncMode, more?: Partial<DatasetSpec>, kind?: string): Promise<Source>;
  refresh(reference: LaneReference): Promise<RefreshOutcome>;
  /** Rows of the version that is served, by id. */
  published(dataset: string): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

const variable = (name: string): string => {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`${name} is not set; point it at running engines, or run \`npm test\``);
};

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

export async function startHarness(): Promise<Harness> {
  const database = await createTestDatabase();
  const catalog = createCatalog({ databaseUrl: database.url, poolSize: 4 });
  const own = createRefreshCatalog({ databaseUrl: (await database.as('refresh')).url, poolSize: 4 });
  const store = createMinioStore({
    endpoint: variable('SONGHUA_TEST_S3_ENDPOINT'),
    accessKey: variable('SONGHUA_TEST_S3_ACCESS_KEY'),
    secretKey: variable('SONGHUA_TEST_S3_SECRET_KEY'),
    bucket: `songhua-test-${randomBytes(6).toString('hex')}`,
  });
  await store.ensureBucket();
  const tempDirectory = await mkdtemp(join(tmpdir(), 'songhua-refresh-test-'));
  const tables = createTables({ memoryMb: 128, threads: 1, tempDirectory });
  await catalog.estate.apply(
    [
      { apiVersion, kind: 'Department', metadata: { name: 'education' }, spec: { title: '教育局' } },
      { apiVersion, kind: 'Domain', metadata: { name: 'society' }, spec: { title: '社会' } },
    ],
    'test',
  );
  const deps: RefreshDeps = { store, tables, tempDirectory, refreshes: own.refreshes, replays: own.replays };

  const applyDataset: Harness['applyDataset'] = (name, more = {}, options = {}) =>
    catalog.estate.apply([{ apiVersion, kind: 'Dataset', metadata: { name }, spec: spec(more) }], 'test', options);

  const refresh: Harness['refresh'] = async (reference) => {
    const context = await own.refreshes.begin(reference);
    return context.handled ?? refreshDataset(deps, reference, context);
  };

  const createSource: Harness['createSource'] = async (name, mode, more = {}, kind = 'file') => {
    await applyDataset(name, more);
    const connector: ConnectorSpec = { dataset: name, kind, mode, config: { path: 'a.csv' }, secrets: {} };
    await catalog.connectors.apply([{ apiVersion, kind: 'Connector', metadata: { name }, spec: connector }], {
      name: 'test',
      mayApprove: true,
    });
    const [record] = await catalog.connectors.list({ names: [name] });
    if (!record) throw new Error(`${name} is not registered`);
    let reads = 0;
    const landTaken = async (rows: string[], readerRejected: Rejected, whole: boolean) => {
      const [sync] = await catalog.syncs.take('test', 1, 1, 60);
      if (!sync) throw new Error('no sync to take');
      const landed = await landSync({ store, catalog }, sync, { rows, readerRejected, mode, whole, reads: ++reads });
      return { sync, landed: { ...landed, connector: name, dataset: name } };
    };
    const land: Source['land'] = async (rows, readerRejected = []) => {
      await catalog.syncs.enqueue([{ connector: record, slot: `request:${reads + 1}`, full: false, traceparent }]);
      return (await landTaken(rows, readerRejected, mode === 'full')).landed;
    };
    return {
      land,
      landQueued: (rows) => landTaken(rows, [], true),
      async read(rows, readerRejected) {
        const landed = await land(rows, readerRejected);
        expect(await refresh(landed)).toMatchObject({ state: 'published' });
        return landed;
      },
    };
  };

  return {
    catalog,
    store,
    tables,
    deps,
    applyDataset,
    createSource,
    refresh,
    async published(dataset) {
      const version = await catalog.estate.version(dataset, 'latest');
      const file = version?.files.find(({ name }) => name === 'data.parquet');
      if (!file) throw new Error('no version');
      const path = join(tempDirectory, `${randomBytes(4).toString('hex')}.parquet`);
      await store.download(file.key, path);
      const sort = { column: 'id', descending: false };
      return (await tables.rows(path, { limit: 100, offset: 0, where: {}, sort })).rows;
    },
    async stop() {
      await tables.close();
      const objects: string[] = [];
      for await (const { key } of store.list('')) objects.push(key);
      await store.delete(objects);
      await own.close();
      await catalog.close();
      await database.drop();
      await rm(tempDirectory, { recursive: true, force: true });
    },
  };
}

interface Read {
  rows: string[];
  readerRejected: Rejected;
  mode: SyncMode;
  whole: boolean;
  reads: number;
}

/** Ends the reading of a sync that was taken, and puts what it read where landing would. */
async function landSync(
  { store, catalog }: Pick<Harness, 'store' | 'catalog'>,
  sync: SyncRecord,
  { rows, readerRejected, mode, whole, reads }: Read,
): Promise<LaneReference> {
  const text = rows.map((row) => `${row}\n`).join('');
  const ended = { id: sync.id, attempt: 1, state: 'delivered' as const, rows: rows.length, bytes: text.length };
  await catalog.syncs.finish('test', [{ ...ended, rejected: readerRejected.length }]);
  const parts: LandingManifest['parts'] = [];
  const land = async (kind: 'rows' | 'rejected' | 'details', content: string, count: number): Promise<void> => {
    const bytes = gzipSync(content);
    const key = keys.landingPart(sync.datasetId, { sync: sync.id, attempt: 1, traceparent: sync.traceparent }, kind);
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
    dataset: sync.dataset,
    datasetId: sync.datasetId,
    connector: sync.connector,
    sync: sync.id,
    attempt: 1,
    traceparent: sync.traceparent,
    parts,
    completed: {
      mode,
      scope: whole ? 'all' : 'part',
      operations: false,
      reset: sync.reset,
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
  const key = keys.landingManifest(sync.datasetId, { sync: sync.id, attempt: 1, traceparent: sync.traceparent });
  await store.put(key, Buffer.from(JSON.stringify(manifest)), 'application/json');
  const { completed } = manifest;
  const { rows: count, rejected, bytes, sha256: content } = completed;
  await catalog.syncs.land(sync.id, { claim: 1, attempt: 1, manifest: key, rows: count, rejected, bytes, content });
  const reference = { sync: sync.id, datasetId: sync.datasetId, attempt: 1, bytes };
  return reference;
}
