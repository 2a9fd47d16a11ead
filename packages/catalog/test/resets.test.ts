import { afterAll, beforeEach, expect, test } from '@jest/globals';
import type { Catalog, ConnectorRecord, SyncClaim } from '../src/index.js';
import { createWorld, deliver, landed, manifestKey, manifestOf, publish, rowsOf, TRACEPARENT } from './estate.js';

let catalog: Catalog;
let connector: ConnectorRecord;
let databaseUrl: string;
const world = createWorld(4);
beforeEach(async () => {
  ({ catalog, connector, databaseUrl } = await world.fresh());
  await rowsOf(databaseUrl, `UPDATE connector SET mode = 'append'`);
});
afterAll(world.end);

const reason = { code: 'guard.rejected', message: 'too many', actor: 'department' as const, retryable: false };
const rejected = {
  count: 2,
  byCode: { 'cell.type': 2 },
  groups: [{ code: 'cell.type', field: 'id', count: 2, replayable: 2, message: 'not a number' }],
  key: 'q/1',
};
const ask = (slot: string, more: Partial<SyncClaim>) =>
  catalog.syncs.enqueue([{ connector, slot, full: false, traceparent: TRACEPARENT, ...more }]);
async function reset(version: number) {
  await ask('request:reset', { full: true, reset: true });
  return publish(catalog, connector, 'request:reset', version, 'corrected', { version: version - 1, content: 'a' });
}
async function holdRange() {
  await ask('request:range', { range: { from: '1', to: '2' } });
  const backfill = await deliver(catalog, connector, 'request:range');
  await catalog.refreshes.begin(landed(backfill));
  await catalog.refreshes.finish(landed(backfill), { sync: backfill.id, state: 'held', reason }, {});
  return backfill;
}
async function publishRejecting() {
  const sync = await deliver(catalog, connector, 's1');
  await catalog.refreshes.begin(landed(sync));
  const manifest = manifestOf(sync, 1, { content: 'a' });
  await catalog.refreshes.publish(manifest, manifestKey(manifest), rejected);
  return sync;
}
const replayOf = (of: string, id: string) => ({
  id: `sy_${id}`,
  of,
  slot: `replay:${id}`,
  codes: undefined,
  by: 'key:1',
  traceparent: TRACEPARENT,
});

test('a range that is held from before a reset is not put onto it', async () => {
  await publish(catalog, connector, 's1', 1, 'a');
  const backfill = await holdRange();
  await reset(2);
  expect(await catalog.syncs.get(backfill.id)).toMatchObject({
    state: 'superseded',
    reason: { code: 'hold.superseded' },
  });
  const decided = await catalog.holds.decide(backfill.id, { approved: true, reason: 'ok', by: 'key:1' });
  expect(decided).toMatchObject({ decided: false });
  expect((await catalog.refreshes.begin(landed(backfill))).handled).toMatchObject({ state: 'superseded' });
});

test('a range that was asked for before a reset and lands after it is not put onto it', async () => {
  await publish(catalog, connector, 's1', 1, 'a');
  await ask('request:range', { range: { from: '1', to: '2' } });
  const backfill = await deliver(catalog, connector, 'request:range');
  await reset(2);
  expect((await catalog.refreshes.begin(landed(backfill))).handled).toMatchObject({
    state: 'superseded',
    reason: { code: 'sync.overtaken' },
  });
});

test('a range that is held when a reset has come already is superseded at once', async () => {
  await publish(catalog, connector, 's1', 1, 'a');
  await ask('request:range', { range: { from: '1', to: '2' } });
  const backfill = await deliver(catalog, connector, 'request:range');
  await catalog.refreshes.begin(landed(backfill));
  await reset(2);
  await catalog.refreshes.finish(landed(backfill), { sync: backfill.id, state: 'held', reason }, {});
  expect(await catalog.syncs.get(backfill.id)).toMatchObject({ state: 'superseded' });
});

test('a range that was read since a reset is put onto it', async () => {
  await publish(catalog, connector, 's1', 1, 'a');
  await reset(2);
  const backfill = await holdRange();
  await catalog.holds.decide(backfill.id, { approved: true, reason: 'ok', by: 'key:1' });
  expect((await catalog.refreshes.begin(landed(backfill))).handled).toBeUndefined();
});

test('rows that were rejected before a reset are not replayed onto it', async () => {
  const sync = await publishRejecting();
  await reset(2);
  expect(await catalog.replays.source(sync.id)).toMatchObject({ problem: 'outdated' });
});

test('a replay that was opened before a reset is not put onto it', async () => {
  const sync = await publishRejecting();
  const source = await catalog.replays.open(replayOf(sync.id, 'early'));
  await catalog.refreshes.begin({ sync: 'sy_early', attempt: source?.lane?.attempt ?? 1 });
  await reset(2);
  expect(await catalog.replays.source(sync.id, 'sy_early')).toMatchObject({ problem: 'outdated' });
});
