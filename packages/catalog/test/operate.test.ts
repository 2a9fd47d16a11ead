import { afterAll, beforeEach, expect, test } from '@jest/globals';
import type { Reason } from '@songhua/domain';
import type { Catalog, ConnectorRecord, SyncRecord } from '../src/index.js';
import {
  createWorld,
  deliver,
  enqueue,
  landed,
  manifestKey,
  manifestOf,
  NO_REJECTED,
  OPERATOR,
  publish,
  result,
  TRACEPARENT,
} from './estate.js';

let catalog: Catalog;
let connector: ConnectorRecord;
const world = createWorld(8);
beforeEach(async () => {
  ({ catalog, connector } = await world.fresh());
});
afterAll(world.end);

const away: Reason = { code: 'source.unavailable', message: '…', actor: 'department', retryable: true };
const shrunk: Reason = { code: 'guard.shrink', message: 'too few', actor: 'department', retryable: false };

async function fail(slot: string): Promise<SyncRecord> {
  await enqueue(catalog, [connector], slot);
  const [sync] = await catalog.syncs.take('reader', 1, 1, 60);
  if (!sync) throw new Error('nothing to take');
  await catalog.syncs.finish('reader', [result(sync, 'failed', { reason: away })]);
  return sync;
}

const hold = async (slot: string, content?: string): Promise<SyncRecord> => {
  const sync = await deliver(catalog, connector, slot, content);
  await catalog.refreshes.begin(landed(sync));
  await catalog.refreshes.finish(landed(sync), { sync: sync.id, state: 'held', reason: shrunk }, {});
  return sync;
};
const groups = [{ code: 'cell.type', field: 'id', count: 2, replayable: 2, message: '…' }];
const rejected = { count: 2, byCode: { 'cell.type': 2 }, groups, key: 'q/1' };
const approval = { approved: true, reason: 'the school was closed', by: 'key:1' };
const auditOf = async (): Promise<string[]> =>
  (await catalog.audit.list({ limit: 100 })).map((row) => `${row.action} ${row.actor} ${row.subject}`);

test('the ends of a connector are told newest first until it is well, and a change of it forgives what came before', async () => {
  await publish(catalog, connector, 's1', 1, 'a');
  await fail('s2');
  const last = await fail('s3');
  const [ailing] = await catalog.health.ailing(60);
  expect(ailing).toMatchObject({ name: connector.name, number: last.number });
  expect(ailing?.ends.map((one) => one.reason?.code)).toEqual([away.code, away.code, undefined]);

  const since = new Date();
  const health = { failures: 2, failingSince: since, reason: away, nextAttemptAt: since, rateLimited: false };
  await catalog.health.record(ailing as NonNullable<typeof ailing>, health);
  expect((await catalog.health.of([connector.id])).get(connector.id)).toMatchObject({ failures: 2, reason: away });

  await catalog.connectors.step(connector.name, { type: 'suspend' }, { author: 'service:connector', reason: 'gone' });
  expect(await catalog.health.ailing(60)).toEqual([]);
  expect(await catalog.notices.list({ department: connector.department, limit: 10 })).toMatchObject([
    { subject: `Connector/${connector.name}`, code: 'connector.suspended', message: 'gone', actor: 'department' },
  ]);
  expect(await catalog.notices.list({ department: 'bureau-9', limit: 10 })).toEqual([]);

  await catalog.connectors.step(connector.name, { type: 'resume' }, { author: 'key:1' });
  expect((await catalog.health.of([connector.id])).size).toBe(0);
  expect(await catalog.health.ailing(60)).toEqual([]);
  await fail('s4');
  expect((await catalog.health.ailing(60))[0]?.ends).toHaveLength(1);
});

test('slots within the wait are passed over and counted once, and the wait ends in one attempt', async () => {
  const [scheduled] = await catalog.connectors.list({});
  const schedule = { cron: '* * * * *', timezone: 'Asia/Shanghai' };
  await catalog.connectors.apply(
    [
      {
        apiVersion: 'songhua/v1',
        kind: 'Connector',
        metadata: { name: connector.name },
        spec: { ...(scheduled as ConnectorRecord).spec, schedule },
      },
    ],
    OPERATOR,
  );
  const failed = await fail('2026-01-01T00:00:00.000Z');
  const health = { failures: 1, failingSince: new Date(), reason: away, rateLimited: false };
  const until = (ms: number) => ({ ...health, nextAttemptAt: new Date(Date.now() + ms) });
  await catalog.health.record({ id: connector.id, number: failed.number }, until(60_000));
  const slot = { connectorId: connector.id, slot: '2026-01-01T00:01:00.000Z' };
  for (const _ of [1, 2]) expect(await catalog.health.skip([slot])).toEqual(new Set([connector.id]));
  expect((await catalog.health.of([connector.id])).get(connector.id)).toMatchObject({
    skipped: 1,
    skippedSlot: slot.slot,
  });
  expect(await catalog.health.due()).toEqual([]);

  await catalog.health.record({ id: connector.id, number: failed.number }, until(-1));
  expect(await catalog.health.skip([slot])).toEqual(new Set());
  expect(await catalog.health.due()).toMatchObject([{ name: connector.name, number: failed.number }]);
  await enqueue(catalog, [connector], `retry:${failed.number}`);
  expect(await catalog.health.due()).toEqual([]);
  expect((await catalog.connectors.lastSlots()).get(connector.id)).toEqual(new Date('2026-01-01T00:00:00.000Z'));
});

test('a hold is approved by what it was held for, and each decision has its audit row', async () => {
  const sync = await hold('s1');
  expect(await catalog.holds.decide(sync.id, approval)).toEqual({
    state: 'landed',
    decided: true,
    by: null,
    lane: landed(sync),
  });
  const { handled, sync: told } = await catalog.refreshes.begin(landed(sync));
  expect(handled).toBeUndefined();
  expect(told.approved).toEqual([shrunk.code]);
  expect(await auditOf()).toContain(`hold.approve key:1 Dataset/${sync.dataset}`);
  expect(await catalog.holds.decide('sy_unknown', approval)).toBeUndefined();
});

test('a rejected hold has failed with who decided and why, and is not decided again', async () => {
  const sync = await hold('s1');
  const rejection = { approved: false, reason: 'the file is cut', by: 'key:2' };
  expect(await catalog.holds.decide(sync.id, rejection)).toMatchObject({ state: 'failed', decided: true });
  expect((await catalog.syncs.get(sync.id))?.refresh).toMatchObject({
    state: 'failed',
    reason: { code: 'hold.rejected', actor: 'department', message: expect.stringContaining('key:2: the file is cut') },
  });
  expect(await catalog.holds.decide(sync.id, approval)).toMatchObject({ state: 'failed', decided: false });
  expect((await auditOf()).filter((row) => row.startsWith('hold.'))).toEqual([
    `hold.reject key:2 Dataset/${sync.dataset}`,
  ]);
  expect(await catalog.health.ailing(60)).toEqual([]);
});

test('a hold is superseded when a later read of its source is published, is held, or finds nothing new', async () => {
  const ends: [string, () => Promise<SyncRecord>][] = [
    ['published', () => publish(catalog, connector, 's2', 1, 'a')],
    ['held', () => hold('s4')],
    [
      'unchanged',
      async () => {
        await enqueue(catalog, [connector], 's6');
        const [sync] = await catalog.syncs.take('reader', 1, 1, 60);
        await catalog.syncs.finish('reader', [result(sync as SyncRecord, 'unchanged')]);
        return sync as SyncRecord;
      },
    ],
  ];
  for (const [state, end] of ends) {
    const sync = await hold(`before ${state}`);
    const later = await end();
    expect((await catalog.syncs.get(later.id))?.state).toBe(state);
    expect((await catalog.syncs.get(sync.id))?.refresh).toMatchObject({
      state: 'superseded',
      reason: { code: 'hold.superseded', message: expect.stringContaining(later.id) },
    });
    expect(await catalog.holds.decide(sync.id, approval)).toMatchObject({
      state: 'superseded',
      decided: false,
      by: later.id,
    });
  }
});

test('however often a held source is read again, one hold is open', async () => {
  for (let slot = 1; slot <= 5; slot++) await hold(`s${slot}`);
  expect((await catalog.estate.summary(new Date())).holds).toBe(1);
  expect(await catalog.syncs.list({ refresh: 'held', limit: 9, offset: 0 })).toMatchObject([{ slot: 's5' }]);
});

test('an approval goes on to a later read of the very same rows, and to no other', async () => {
  const first = await hold('s1', 'the same rows');
  await catalog.holds.decide(first.id, approval);
  await catalog.refreshes.begin(landed(first));
  await catalog.refreshes.finish(
    landed(first),
    { sync: first.id, state: 'held', reason: { ...shrunk, code: 'schema.changed' } },
    {},
  );
  const same = await hold('s2', 'the same rows');
  const other = await hold('s3', 'other rows');
  const approved = async (sync: SyncRecord) => (await catalog.refreshes.context(sync.id))?.sync.approved;
  expect(await approved(same)).toEqual([shrunk.code]);
  expect(await approved(other)).toEqual([]);
});

test('an approved hold is refreshed after a backfill and a replay that came meanwhile: they move no order', async () => {
  const first = await deliver(catalog, connector, 's1');
  await catalog.refreshes.begin(landed(first));
  const one = manifestOf(first, 1, { content: 'a' });
  await catalog.refreshes.publish(one, manifestKey(one), rejected);
  const sync = await hold('s2');

  await catalog.syncs.enqueue([
    { connector, slot: 'request:b', full: false, range: { from: '1' }, traceparent: TRACEPARENT },
  ]);
  const backfill = await deliver(catalog, connector, 'request:b');
  await catalog.refreshes.begin(landed(backfill));
  const two = manifestOf(backfill, 2, { content: 'b', previous: { version: 1, content: 'a' } });
  await catalog.refreshes.publish(two, manifestKey(two), NO_REJECTED);

  await catalog.holds.decide(sync.id, approval);
  expect((await catalog.refreshes.begin(landed(sync))).handled).toBeUndefined();
  const three = manifestOf(sync, 3, { content: 'c', previous: { version: 2, content: 'b' } });
  expect(await catalog.refreshes.publish(three, manifestKey(three), NO_REJECTED)).toBe('committed');
});

const asked = (of: string, slot: string) => ({
  id: `sy_${slot}`,
  of,
  slot: `replay:${slot}`,
  codes: undefined,
  by: 'key:1',
  traceparent: `${TRACEPARENT.slice(0, -1)}0`,
});

test('replayed rows leave the quarantine with the version that has them, and neither cursor nor clocks move', async () => {
  const sync = await deliver(catalog, connector, 's1');
  await catalog.refreshes.begin(landed(sync));
  const first = manifestOf(sync, 1, { content: 'a' });
  await catalog.refreshes.publish(first, manifestKey(first), rejected);
  const before = await catalog.estate.dataset(connector.dataset, new Date());
  const cursor = await catalog.connectors.cursors([connector.id]);

  const opened = await catalog.replays.open(asked(sync.id, 'r1'));
  expect(opened).toMatchObject({ problem: null, count: 2, rejected: 'q/1', cursor: first.cursor });
  expect(await catalog.replays.open(asked(sync.id, 'r2'))).toMatchObject({ problem: 'busy' });
  expect(await catalog.replays.source(sync.id, 'sy_r1')).toMatchObject({ problem: null });

  const replay = { ...sync, id: 'sy_r1', number: opened?.number ?? 0, attempt: 1 };
  expect(opened?.lane).toEqual({ ...landed(replay), bytes: 10 });
  // The landing is that of the read, so it says of itself what was told of the read.
  expect((await catalog.refreshes.context('sy_r1'))?.sync).toMatchObject({
    landing: expect.stringContaining(sync.id),
    landed: { traceparent: sync.traceparent, content: sync.id },
  });
  const begun = await catalog.refreshes.begin(landed(replay));
  expect(begun.sync).toMatchObject({ replay: { sync: sync.id }, landing: expect.stringContaining(sync.id) });
  const next = manifestOf(replay, 2, { content: 'b', previous: { version: 1, content: 'a' } });
  const remaining = { count: 1, byCode: { 'cell.type': 1 }, groups: [{ ...groups[0], count: 1 }], key: 'q/2' };
  const replayed = { of: sync.id, version: 2, replayed: { count: 1, key: 'q/3' }, remaining };
  await catalog.refreshes.publish(next, manifestKey(next), NO_REJECTED, { replayed: replayed as never });

  expect(await catalog.estate.quarantine({ limit: 10, offset: 0 })).toMatchObject([
    {
      sync: sync.id,
      count: 1,
      byCode: { 'cell.type': 1 },
      key: 'q/2',
      replays: [{ sync: 'sy_r1', count: 1, version: 2, at: expect.stringMatching(/T[\d:.]{12}Z$/) }],
    },
  ]);
  expect(await catalog.connectors.cursors([connector.id])).toEqual(cursor);
  const after = await catalog.estate.dataset(connector.dataset, new Date());
  expect(after).toMatchObject({ version: 2, clocks: { checkedAt: before?.clocks.checkedAt } });
  expect((await catalog.estate.summary(new Date())).quarantined).toBe(1);
  expect(await auditOf()).toContain(`quarantine.replay key:1 Dataset/${sync.dataset}`);
});

test('rows are not replayed over what a later read has said, nor twice at once, nor of a sync that was not published', async () => {
  const sync = await deliver(catalog, connector, 's1');
  await catalog.refreshes.begin(landed(sync));
  expect(await catalog.replays.open(asked(sync.id, 'r0'))).toMatchObject({ problem: 'missing' });
  const first = manifestOf(sync, 1, { content: 'a' });
  await catalog.refreshes.publish(first, manifestKey(first), rejected);
  await publish(catalog, connector, 's2', 2, 'b', { version: 1, content: 'a' });
  expect(await catalog.replays.open(asked(sync.id, 'r1'))).toMatchObject({ problem: 'outdated' });
  expect(await catalog.replays.source('sy_unknown')).toBeUndefined();
  expect(await catalog.syncs.get('sy_r1')).toBeUndefined();
});
