import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type LaneReference, type Manifest, manifestSchema, rulesHash } from '@songhua/contracts';
import { type RefreshDeps, refreshDataset } from '../src/refresh-dataset.js';
import { type Harness, startHarness, traceparent } from './harness.js';

const id = { name: 'id', type: 'integer' as const };
const score = { name: 'score', type: 'decimal' as const };
const text = { name: 'score', type: 'string' as const };

let harness: Harness;
let catalog: Harness['catalog'];
let store: Harness['store'];
let refresh: Harness['refresh'];
let createSource: Harness['createSource'];

beforeAll(async () => {
  harness = await startHarness();
  ({ catalog, store, refresh, createSource } = harness);
}, 60_000);
afterAll(() => harness?.stop());

async function open(dataset: string, version: number): Promise<LaneReference> {
  const name = randomBytes(4).toString('hex');
  const facts = { id: `sy_${name}`, slot: `rollback:${name}`, reason: 'the file was cut', by: 'key:test', traceparent };
  const asked = await catalog.rollbacks.open({ ...facts, dataset, version });
  if (asked.problem !== null) throw new Error(`cannot be rolled back: ${asked.problem}`);
  return asked.lane;
}
const rollBack = async (dataset: string, version: number) => refresh(await open(dataset, version));

const rowsOf = async (name: string) => (await harness.published(name)).map((row) => Object.values(row));
async function manifestOf(dataset: string, version: number): Promise<Manifest> {
  const { manifestKey = '' } = (await catalog.estate.version(dataset, version)) ?? {};
  return manifestSchema.parse(JSON.parse((await store.readAll(manifestKey, 1 << 20)).toString()));
}
const keysOf = ({ files }: Manifest) => files.map(({ key }) => key);
const bytesOf = ({ files }: Manifest) => files.find(({ name }) => name === 'data.parquet')?.sha256;

test('a rollback publishes what an earlier version had as the next one: same identity, own files, changes against what was served', async () => {
  const { read } = await createSource('plain', 'full');
  await read(['1,90', '2,80']);
  await read(['1,91', '3,70', '4,60']);
  const cursors = await catalog.connectors.cursors([(await catalog.connectors.get('plain'))?.id ?? '']);
  const before = await catalog.estate.dataset('plain', new Date());
  expect(await rollBack('plain', 1)).toMatchObject({ state: 'published', version: 3 });
  expect(await rowsOf('plain')).toEqual([
    [1, '90'],
    [2, '80'],
  ]);
  const [one, two, three] = await Promise.all([1, 2, 3].map((version) => manifestOf('plain', version)));
  if (!one || !two || !three) throw new Error('a manifest is missing');
  expect(three).toMatchObject({
    identity: one.identity,
    previous: { version: 2, identity: two.identity },
    rollbackTo: 1,
    rules: one.rules,
    columns: one.columns,
    changes: { added: 1, changed: 1, removed: 2 },
    counts: { read: 2, published: 2, unchanged: 0, rejected: 0 },
    source: { files: one.source.files, connector: 'plain' },
    cursor: { read: 2 },
  });
  expect(three.files.map(({ name }) => name)).toEqual(['data.parquet', 'changes.parquet']);
  expect(bytesOf(three)).toBe(bytesOf(one));
  expect(keysOf(three).filter((key) => [...keysOf(one), ...keysOf(two)].includes(key))).toEqual([]);
  expect(await catalog.connectors.cursors([(await catalog.connectors.get('plain'))?.id ?? ''])).toEqual(cursors);
  expect((await catalog.estate.dataset('plain', new Date()))?.clocks).toEqual(before?.clocks);
});

test('it stays until the source is read again; in a mode that reads parts, only a full read brings back what came between', async () => {
  const { read, land } = await createSource('merged', 'merge');
  await read(['1,90']);
  await read(['2,80']);
  expect(await rollBack('merged', 1)).toMatchObject({ version: 3 });
  await read(['3,70']);
  expect(await rowsOf('merged')).toEqual([
    [1, '90'],
    [3, '70'],
  ]);
  expect(await refresh(await land(['1,90', '2,80', '3,70']))).toMatchObject({ state: 'published' });
  expect(await rowsOf('merged')).toHaveLength(3);
});

test('the schema and key of the earlier version are current again, and changes are told under them', async () => {
  const { read } = await createSource('typed', 'full', { columns: [id, score] });
  await read(['1,90', '2,80']);
  const keyed = { columns: [id, text], primaryKey: ['id', 'score'] };
  const { lanes } = await harness.applyDataset('typed', keyed);
  for (const lane of lanes) expect(await refresh(lane)).toMatchObject({ state: 'published', version: 2 });
  await read(['1,缺考', '2,80', '2,81']);
  expect(await rollBack('typed', 1)).toMatchObject({ version: 4 });
  const [one, four] = [await manifestOf('typed', 1), await manifestOf('typed', 4)];
  expect(four).toMatchObject({ columns: one.columns, primaryKey: ['id'], identity: one.identity });
  // By the key of the earlier version, as a refresh by its rules would tell it.
  expect(four.changes).toEqual({ added: 0, changed: 1, removed: 1 });
  expect(four.counts).toMatchObject({ read: 2, published: 1, unchanged: 1 });
  expect(four.rules).toBe(one.rules);
  expect(four.rules).not.toBe(rulesHash(keyed));
  // The same rules applied again are no change, and what is read next is made by them.
  expect(await harness.applyDataset('typed', keyed)).toMatchObject({ lanes: [] });
  await read(['1,缺考', '2,80', '2,81']);
  expect((await manifestOf('typed', 5)).rules).toBe(rulesHash(keyed));
});

test('what the source had when it was read is found the same after a rollback, and other data takes its place', async () => {
  const { read, land } = await createSource('reread', 'full');
  await read(['1,90']);
  await read(['1,91']);
  await rollBack('reread', 1);
  expect(await refresh(await land(['1,90']))).toMatchObject({ state: 'unchanged', version: 3 });
  expect(await refresh(await land(['1,91']))).toMatchObject({ state: 'published', version: 4 });
});

test('a rollback whose turn comes after the same was published finds it, and makes no version (I3)', async () => {
  const { read } = await createSource('same', 'full');
  await read(['1,90']);
  await read(['1,91']);
  const lane = await open('same', 1);
  await read(['1,90']);
  expect(await refresh(lane)).toMatchObject({ state: 'unchanged', version: 3 });
  expect(await catalog.estate.versions('same')).toHaveLength(3);
});

test('a rollback that dies between manifest and catalog ends in one version when it is taken up again (I3)', async () => {
  const { read } = await createSource('killed', 'full');
  await read(['1,90']);
  await read(['1,91']);
  const lane = await open('killed', 1);
  const dying: RefreshDeps = {
    ...harness.deps,
    refreshes: { ...harness.deps.refreshes, publish: () => Promise.reject(new Error('killed')) },
  };
  const context = await harness.deps.refreshes.begin(lane);
  await expect(refreshDataset(dying, lane, context)).rejects.toThrow('killed');
  const manifests = async () => {
    const found: string[] = [];
    for await (const { key } of store.list(`datasets/${lane.datasetId}/`))
      if (key.endsWith('/manifest.json')) found.push(key);
    return found;
  };
  expect(await manifests()).toHaveLength(3);
  expect(await refresh(lane)).toMatchObject({ state: 'published', version: 3 });
  expect(await refresh(lane)).toMatchObject({ state: 'published', version: 3 });
  expect(await manifests()).toHaveLength(3);
  expect(await rowsOf('killed')).toEqual([[1, '90']]);
});

test('a rollback of a rollback is one, and a version that a rollback made can be gone back to', async () => {
  const { read } = await createSource('twice', 'full');
  await read(['1,90']);
  await read(['1,91']);
  expect(await rollBack('twice', 1)).toMatchObject({ version: 3 });
  expect(await rollBack('twice', 2)).toMatchObject({ version: 4 });
  expect(await rollBack('twice', 3)).toMatchObject({ version: 5 });
  expect(await manifestOf('twice', 5)).toMatchObject({ rollbackTo: 3, rules: (await manifestOf('twice', 1)).rules });
  expect(await rowsOf('twice')).toEqual([[1, '90']]);
});

test('a version whose file is damaged is not published again (I1)', async () => {
  const { read } = await createSource('damaged', 'full');
  await read(['1,90']);
  await read(['1,91']);
  const lane = await open('damaged', 1);
  const [key = ''] = keysOf(await manifestOf('damaged', 1));
  await store.put(key, Buffer.from('not what it was'), 'application/octet-stream');
  await expect(refresh(lane)).rejects.toMatchObject({ code: 'version.corrupt', actor: 'operator', retryable: false });
  expect(await catalog.estate.version('damaged', 'latest')).toMatchObject({ version: 2 });
});
