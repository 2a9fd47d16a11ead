import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type LaneReference, manifestSchema } from '@songhua/contracts';
import { syncId } from '@songhua/domain';
import { forecastReplay } from '../src/forecast.js';
import { type Harness, type Landed, startHarness, traceparent } from './harness.js';

let harness: Harness;
let catalog: Harness['catalog'];
let store: Harness['store'];
let refresh: Harness['refresh'];
let published: Harness['published'];
let applyDataset: Harness['applyDataset'];
let createSource: Harness['createSource'];

beforeAll(async () => {
  harness = await startHarness();
  ({ catalog, store, refresh, published, applyDataset, createSource } = harness);
}, 60_000);
afterAll(() => harness?.stop());

const forecast = (of: Landed, codes?: string[]) =>
  forecastReplay(harness.deps, { sync: of.sync, ...(codes && { codes }) });

async function open(of: Landed, codes?: string[]): Promise<{ sync: string; lane: LaneReference }> {
  const slot = `replay:${randomBytes(4).toString('hex')}`;
  const id = syncId(of.connector, slot);
  const source = await catalog.replays.open({ id, of: of.sync, slot, codes, by: 'key:test', traceparent });
  if (!source?.lane) throw new Error(`cannot be replayed: ${source?.problem}`);
  return { sync: id, lane: source.lane };
}

const replay = async (of: Landed, codes?: string[]) => refresh((await open(of, codes)).lane);

const quarantineOf = async (of: Landed) => {
  const found = await catalog.estate.quarantined(of.sync);
  if (!found) throw new Error('nothing is in quarantine');
  return found;
};

test('after a rule was changed, only the rejected rows are read again, and those that pass become a version', async () => {
  const { read } = await createSource('appended', 'append', {}, 'push');
  const sync = await read(['1,90', '2,缺考', '3,八十', '4,70', '5,"缺\n考"'], [{ line: 9, raw: 'a,b,c' }]);
  expect((await quarantineOf(sync)).groups).toMatchObject([
    { field: 'score', count: 3, replayable: 3 },
    { code: 'row.fields', count: 1, replayable: 0 },
  ]);
  const cursors = await catalog.connectors.cursors([(await catalog.connectors.get('appended'))?.id ?? '']);
  expect(await forecast(sync)).toMatchObject({ asked: 4, passing: 0, unreadable: [{ code: 'row.fields', count: 1 }] });

  await applyDataset('appended', {
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
  expect(await published('appended')).toHaveLength(2);

  expect(await replay(sync)).toMatchObject({ state: 'published', version: 2 });
  expect((await published('appended')).map(({ id, score }) => [id, score])).toEqual([
    [1, '90'],
    [2, null],
    [4, '70'],
  ]);
  const left = await quarantineOf(sync);
  expect(left).toMatchObject({ count: 3, replays: [{ count: 1, version: 2, by: 'key:test' }] });
  expect(left.groups.map(({ count }) => count).sort()).toEqual([1, 2]);
  expect(await catalog.connectors.cursors([(await catalog.connectors.get('appended'))?.id ?? ''])).toEqual(cursors);
  const { manifestKey } = (await catalog.estate.version('appended', 'latest')) ?? { manifestKey: '' };
  const manifest = manifestSchema.parse(JSON.parse((await store.readAll(manifestKey, 1 << 20)).toString()));
  expect(manifest).toMatchObject({ rows: 3, counts: { read: 3, published: 1, rejected: 2 }, cursor: { read: 1 } });

  // What is left can be replayed again, and nothing that passed is there twice.
  expect(await replay(sync)).toMatchObject({ state: 'unchanged', version: 2 });
  expect(await quarantineOf(sync)).toMatchObject({ count: 3 });
});

test('rows that another rule rejected stay where they are', async () => {
  const { read } = await createSource('coded', 'append', {}, 'push');
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
  const { read } = await createSource('merged', 'merge', {}, 'push');
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
  const { read } = await createSource('approved', 'append', {}, 'push');
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
  const { read } = await createSource('overtaken', 'full');
  const sync = await read(['1,90', '2,停考']);
  await read(['1,91', '2,80']);
  await expect(replay(sync)).rejects.toThrow('outdated');
  await expect(forecast(sync)).rejects.toMatchObject({ code: 'replay.outdated', actor: 'department' });
});
