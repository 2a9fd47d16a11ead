import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeEach, expect, test } from '@jest/globals';
import type { SonghuaError } from '@songhua/domain';
import type { Catalog, ConnectorRecord } from '../src/index.js';
import {
  createWorld,
  deliver,
  enqueue,
  land,
  landed,
  manifestKey,
  manifestOf,
  NO_REJECTED,
  publish,
  result,
} from './estate.js';

let catalog: Catalog;
let connector: ConnectorRecord;
const world = createWorld(32);
beforeEach(async () => {
  ({ catalog, connector } = await world.fresh());
});
afterAll(world.end);

const code = (error: unknown): string => (error as SonghuaError).code;
const failed = { code: 'source.missing', message: 'm', actor: 'department' as const, retryable: false };

test('of 32 concurrent publishes of one dataset one wins and the rest see a clean conflict', async () => {
  const sync = await deliver(catalog, connector, 'slot-1');
  await catalog.refreshes.begin(landed(sync));
  const outcomes = await Promise.allSettled(
    Array.from({ length: 32 }, (_, i) => {
      const manifest = manifestOf(sync, 1, { content: `content-${i}` });
      return catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED);
    }),
  );
  const won = outcomes.filter((outcome) => outcome.status === 'fulfilled');
  const lost = outcomes.filter((outcome) => outcome.status === 'rejected').map((outcome) => code(outcome.reason));
  expect(won.map((outcome) => outcome.value)).toEqual(['committed']);
  expect(new Set(lost)).toEqual(new Set(['version.conflict']));
  expect(await catalog.estate.versions(connector.dataset)).toHaveLength(1);
  expect(await catalog.estate.changes(undefined, 100)).toHaveLength(1);
});

test('the same manifest committed again is already there and changes nothing', async () => {
  const sync = await deliver(catalog, connector, 'slot-1');
  await catalog.refreshes.begin(landed(sync));
  const manifest = manifestOf(sync, 1, { content: 'a' });
  const commit = (): Promise<string> => catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED);
  expect((await Promise.all(Array.from({ length: 8 }, commit))).sort()).toEqual([
    ...Array(7).fill('already'),
    'committed',
  ]);
  expect(await catalog.estate.changes(undefined, 100)).toHaveLength(1);
});

test('a publish from a version that is no longer current is fenced and leaves nothing behind', async () => {
  await publish(catalog, connector, 'slot-1', 1, 'a');
  const stale = await deliver(catalog, connector, 'slot-2');
  await catalog.refreshes.begin(landed(stale));
  await publish(catalog, connector, 'slot-3', 2, 'b', { version: 1, content: 'a' });
  const manifest = manifestOf(stale, 3, { content: 'c', previous: { version: 1, content: 'a' } });
  await expect(catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED)).rejects.toMatchObject({
    code: 'version.conflict',
    retryable: true,
  });
  expect((await catalog.estate.versions(connector.dataset)).map((v) => v.version)).toEqual([2, 1]);
  expect((await catalog.refreshes.begin(landed(stale))).handled).toMatchObject({ state: 'superseded' });
  expect(await catalog.estate.version(connector.dataset, 'latest')).toMatchObject({ version: 2 });
});

test('a refresh that another one of its dataset came before builds on that version when it begins again', async () => {
  const earlier = await deliver(catalog, connector, 'slot-1');
  const later = await deliver(catalog, connector, 'slot-2');
  await catalog.refreshes.begin(landed(earlier));
  await catalog.refreshes.begin(landed(later));
  const first = manifestOf(earlier, 1, { content: 'a' });
  await catalog.refreshes.publish(first, manifestKey(first), NO_REJECTED);
  const late = manifestOf(later, 1, { content: 'b' });
  await expect(catalog.refreshes.publish(late, manifestKey(late), NO_REJECTED)).rejects.toMatchObject({
    code: 'version.conflict',
    retryable: true,
  });
  const again = await catalog.refreshes.begin(landed(later));
  expect([again.handled, again.current?.version]).toEqual([undefined, 1]);
  const next = manifestOf(later, 2, { content: 'b', previous: { version: 1, content: 'a' } });
  expect(await catalog.refreshes.publish(next, manifestKey(next), NO_REJECTED)).toBe('committed');
});

test('content equal to the version before it is refused, content that returns later is not', async () => {
  await publish(catalog, connector, 'slot-1', 1, 'a');
  await expect(publish(catalog, connector, 'slot-2', 2, 'a', { version: 1, content: 'a' })).rejects.toMatchObject({
    code: 'catalog.constraint',
  });
  await publish(catalog, connector, 'slot-3', 2, 'b', { version: 1, content: 'a' });
  await publish(catalog, connector, 'slot-4', 3, 'a', { version: 2, content: 'b' });
  expect(await catalog.estate.versions(connector.dataset)).toHaveLength(3);
});

test('rows that do not reconcile are refused by the database too', async () => {
  const sync = await deliver(catalog, connector, 'slot-1');
  await catalog.refreshes.begin(landed(sync));
  const manifest = manifestOf(sync, 1, { content: 'a' });
  manifest.counts.read += 1;
  await expect(catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED)).rejects.toMatchObject({
    code: 'catalog.constraint',
  });
});

test('a refresh that ended is handled when it is begun again, and a sync that a later one overtook is superseded', async () => {
  const one = await deliver(catalog, connector, 'slot-1');
  const begun = await catalog.refreshes.begin(landed(one));
  expect(begun).toMatchObject({ mode: 'full', schema: null, current: null, dataset: { name: 'data-0' } });
  expect(begun.handled).toBeUndefined();
  await publish(catalog, connector, 'slot-2', 1, 'b');
  expect((await catalog.refreshes.begin(landed(one))).handled).toMatchObject({ state: 'superseded', sync: one.id });
  const [two] = await catalog.syncs.list({ state: 'published', limit: 1, offset: 0 });
  const again = await catalog.refreshes.begin(landed(two as never));
  expect(again.handled).toMatchObject({ state: 'published', version: 1 });
  expect(again.current).toMatchObject({ version: 1, rows: 10, parquetKey: expect.stringContaining('data.parquet') });
});

test('a refresh that failed stays failed, and what another attempt landed does not begin in its place', async () => {
  const sync = await deliver(catalog, connector, 'slot-1');
  await catalog.refreshes.begin(landed(sync));
  await catalog.refreshes.finish(landed(sync), { sync: sync.id, state: 'failed', reason: failed }, {});
  expect((await catalog.refreshes.begin(landed(sync))).handled).toMatchObject({ state: 'failed', reason: failed });
  const manifest = manifestOf(sync, 1, { content: 'a' });
  await expect(catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED)).rejects.toMatchObject({
    code: 'version.conflict',
  });
  const next = await deliver(catalog, connector, 'slot-2');
  expect((await catalog.refreshes.begin({ ...landed(next), attempt: 9 })).handled).toMatchObject({
    state: 'superseded',
  });
  expect((await catalog.refreshes.begin(landed(next))).handled).toBeUndefined();
  await catalog.refreshes.finish(
    { ...landed(next), attempt: 9 },
    { sync: next.id, state: 'failed', reason: failed },
    {},
  );
  expect((await catalog.syncs.get(next.id))?.refresh).toMatchObject({ state: 'running', reason: null });
});

test('a held refresh waits for a person and goes on with their decision', async () => {
  const sync = await deliver(catalog, connector, 'slot-1');
  const reason = { ...failed, code: 'guard.shrink' };
  await catalog.refreshes.begin(landed(sync));
  await catalog.refreshes.finish(landed(sync), { sync: sync.id, state: 'held', reason }, {});
  expect((await catalog.refreshes.begin(landed(sync))).handled).toMatchObject({ state: 'held', reason });
  expect((await catalog.estate.summary(new Date())).holds).toBe(1);
  expect((await catalog.syncs.list({ refresh: 'held', limit: 5, offset: 0 })).map(({ id }) => id)).toEqual([sync.id]);
  await catalog.holds.decide(sync.id, { approved: true, reason: 'r', by: 'key:1' });
  expect((await catalog.refreshes.begin(landed(sync))).handled).toBeUndefined();
});

test('how long a request took is told until its hold, and not until the decision', async () => {
  const sync = await deliver(catalog, connector, 'request:held');
  await catalog.refreshes.begin(landed(sync));
  await delay(300);
  const reason = { ...failed, code: 'guard.shrink' };
  await catalog.refreshes.finish(landed(sync), { sync: sync.id, state: 'held', reason }, {});
  const { stages, slowest } = await catalog.syncs.progress('held');
  expect(stages.refresh).toBeGreaterThan(stages.read + 0.3);
  expect(slowest[0]?.seconds).toBeGreaterThan(0.3);
  await delay(20);
  expect((await catalog.syncs.progress('held')).stages).toEqual(stages);
});

test('each state of a request is counted by itself, with the time that is read for', async () => {
  const stage = async () => {
    const { queued, reading, landing, landed: waiting, refreshing } = await catalog.syncs.progress('one');
    return Object.entries({ queued, reading, landing, landed: waiting, refreshing }).filter(([, n]) => n > 0);
  };
  await enqueue(catalog, [connector], 'request:one');
  expect(await stage()).toEqual([['queued', 1]]);
  expect(await catalog.syncs.progress('one')).toMatchObject({ readingSeconds: 0 });
  await delay(100);
  const [sync] = await catalog.syncs.take('reader', 1, 1, 60);
  if (!sync) throw new Error('no sync to take');
  await delay(50);
  expect(await stage()).toEqual([['reading', 1]]);
  const { requestedSeconds, readingSeconds } = await catalog.syncs.progress('one');
  expect(readingSeconds).toBeGreaterThan(0.05);
  expect(requestedSeconds).toBeGreaterThan(readingSeconds + 0.1);
  await catalog.syncs.finish('reader', [result(sync, 'delivered', { rows: 1 })]);
  expect(await stage()).toEqual([['landing', 1]]);
  const whole = (await catalog.syncs.progress('one')).readingSeconds;
  await land(catalog, sync);
  expect(await stage()).toEqual([['landed', 1]]);
  await catalog.refreshes.begin(landed(sync));
  expect(await stage()).toEqual([['refreshing', 1]]);
  expect((await catalog.syncs.progress('one')).readingSeconds).toBe(whole);
});

test('a refresh that waits for a decision is told with its dataset and with whatever ends there after it', async () => {
  await publish(catalog, connector, 'slot-0', 1, 'a');
  const [dataset] = await catalog.resources.list({ kind: 'Dataset', name: connector.dataset }, 'latest');
  if (dataset?.kind !== 'Dataset') throw new Error('no such dataset');
  const changed = { ...dataset, spec: { ...dataset.spec, primaryKey: ['id', 'name'] } };
  const { lanes = [] } = await catalog.estate.apply([changed], 'test');
  const [rules] = lanes;
  if (!rules) throw new Error('changed rules opened no refresh');
  await catalog.refreshes.begin(rules);
  const reason = { ...failed, code: 'schema.changed' };
  await catalog.refreshes.finish(rules, { sync: rules.sync, state: 'held', reason }, {});
  await enqueue(catalog, [connector], 'request:after');
  expect(await catalog.syncs.progress('after')).toMatchObject({ queued: 1, holds: [] });
  const [sync] = await catalog.syncs.take('reader', 1, 1, 60);
  if (!sync) throw new Error('no sync to take');
  await catalog.syncs.finish('reader', [result(sync, 'unchanged')]);
  expect(await catalog.syncs.progress('after')).toMatchObject({
    unchanged: 1,
    holds: [{ dataset: connector.dataset, sync: rules.sync, code: 'schema.changed', message: 'm' }],
  });
  const entry = await catalog.estate.dataset(connector.dataset, new Date());
  expect(entry).toMatchObject({ lastSync: { id: sync.id, reason: null }, holds: [{ sync: rules.sync, reason }] });
  await catalog.holds.decide(rules.sync, { approved: false, reason: 'r', by: 'key:1' });
  expect(await catalog.estate.dataset(connector.dataset, new Date())).toMatchObject({ holds: [] });
});

test('why a refresh is tried again is told while it is, and no longer', async () => {
  const sync = await deliver(catalog, connector, 'slot-1');
  await catalog.refreshes.begin(landed(sync));
  const trouble = { reason: { ...failed, retryable: true }, tries: 3, at: '2026-11-23T03:00:00.000Z' };
  await catalog.refreshes.touch([{ ...landed(sync), trouble }]);
  expect(await catalog.syncs.get(sync.id)).toMatchObject({ state: 'refreshing', trouble });
  await catalog.refreshes.touch([landed(sync)]);
  expect((await catalog.syncs.get(sync.id))?.trouble).toEqual(trouble);
  const manifest = manifestOf(sync, 1, { content: 'a' });
  const stages = { fetch: 0.1, normalize: 0.2, commit: 0.3 };
  await catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED, { stages });
  expect(await catalog.syncs.get(sync.id)).toMatchObject({ state: 'published', trouble: null, stages });
});

test('unchanged advances the cursor and the checked clock together, against the version it was compared with', async () => {
  await publish(catalog, connector, 'slot-0', 1, 'z');
  await publish(catalog, connector, 'slot-1', 2, 'a', { version: 1, content: 'z' });
  const before = await catalog.estate.dataset(connector.dataset, new Date());
  const sync = await deliver(catalog, connector, 'slot-2');
  await catalog.refreshes.begin(landed(sync));
  const outcome = { sync: sync.id, state: 'unchanged' as const };
  await expect(
    catalog.refreshes.finish(landed(sync), { ...outcome, version: 1 }, { cursor: { at: 2 } }),
  ).rejects.toMatchObject({ code: 'version.conflict' });
  await catalog.refreshes.finish(
    landed(sync),
    { ...outcome, version: 2 },
    { cursor: { at: 2 }, sourceChangedAt: null },
  );
  const after = await catalog.estate.dataset(connector.dataset, new Date());
  expect(after?.clocks.dataChangedAt).toEqual(before?.clocks.dataChangedAt);
  expect(Number(after?.clocks.checkedAt)).toBeGreaterThan(Number(before?.clocks.checkedAt));
  expect((await catalog.connectors.cursors([connector.id])).get(connector.id)).toEqual({ at: 2 });
  expect(after?.lastSync).toMatchObject({ id: sync.id, state: 'unchanged', refresh: 'unchanged' });
});

test('a sync that the catalog does not know is refused by name', async () => {
  const sync = await deliver(catalog, connector, 'slot-1');
  await expect(catalog.refreshes.begin({ ...landed(sync), sync: 'sy_none' })).rejects.toMatchObject({
    code: 'sync.unknown',
    message: expect.stringContaining('sy_none'),
  });
});
