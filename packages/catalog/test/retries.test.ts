import { afterAll, beforeEach, expect, test } from '@jest/globals';
import type { Reason } from '@songhua/domain';
import type { Catalog, ConnectorRecord, SyncClaim, SyncRecord } from '../src/index.js';
import {
  createWorld,
  deliver,
  enqueue,
  landed,
  manifestKey,
  manifestOf,
  publish,
  result,
  rowsOf,
  TRACEPARENT,
} from './estate.js';

let catalog: Catalog;
let connector: ConnectorRecord;
let databaseUrl: string;
const world = createWorld(4);
beforeEach(async () => {
  ({ catalog, connector, databaseUrl } = await world.fresh());
});
afterAll(world.end);

const AWAY: Reason = { code: 'object.unavailable', message: 'away', actor: 'operator', retryable: true };
const REFUSED: Reason = { code: 'source.missing', message: 'gone', actor: 'department', retryable: false };
const YEARLY = `UPDATE connector SET spec = spec || '{"schedule": {"cron": "0 3 1 1 *", "timezone": "Asia/Shanghai"}}'`;
const run = (sql: string) => rowsOf(databaseUrl, sql);
async function fail(reason: Reason, pushes: number[] = []) {
  const [sync] = await catalog.syncs.take('reader', 1, 1, 60);
  if (pushes.length > 0) await catalog.ingests.reading(sync as SyncRecord, pushes);
  await catalog.syncs.finish('reader', [result(sync as SyncRecord, 'failed', { reason })]);
  return sync as SyncRecord;
}
/** What care records of it; its wait is over. */
async function record() {
  const [ailing] = await catalog.health.ailing(60);
  if (!ailing) throw new Error('nothing fails');
  await catalog.health.record(ailing, {
    failures: 1,
    failingSince: new Date(),
    reason: AWAY,
    nextAttemptAt: new Date(Date.now() - 1000),
    rateLimited: false,
  });
}
const ask = (slot: string, more: Partial<SyncClaim> = {}) =>
  catalog.syncs.enqueue([{ connector, slot, full: false, traceparent: TRACEPARENT, ...more }]);
const push = async (n: number) => {
  const claim = { connector, slot: `request:push-${n}`, full: false, traceparent: TRACEPARENT };
  const content = { sha256: `${n}`.repeat(64), bytes: 1, objectKey: `ingest/${n}`, name: `${n}.csv`, by: 'key:1' };
  return (await catalog.ingests.accept(claim, content))?.sync as SyncRecord;
};
const due = async () => (await catalog.health.due()).map(({ number, ...more }) => more);

test('an accepted push that failed for the platform is tried again by itself, until it was read', async () => {
  await run(`UPDATE connector SET kind = 'push'`);
  await push(1);
  await fail(AWAY);
  await record();
  expect(await due()).toMatchObject([{ name: connector.name }]);
  const [retry] = await ask('retry:1');
  expect((await catalog.ingests.pending(retry?.id ?? '', 0)).map(({ name }) => name)).toEqual(['1.csv']);
  expect(await due()).toEqual([]);
});

test('a push that its department must mend is not tried again', async () => {
  await run(`UPDATE connector SET kind = 'push'`);
  await push(1);
  await fail(REFUSED, [1]);
  await record();
  expect(await due()).toEqual([]);
});

test('a push that somebody cancelled is not read with what comes after', async () => {
  await run(`UPDATE connector SET kind = 'push'`);
  const first = await push(1);
  await catalog.syncs.cancel(first.id, { reason: 'wrong file', by: 'key:1', actor: 'operator' });
  const second = await push(2);
  expect((await catalog.ingests.pending(second.id, 0)).map(({ name }) => name)).toEqual(['2.csv']);
});

test('what is no read of the source, and what was cancelled, does not end the wait for another try', async () => {
  await run(YEARLY);
  const rejected = { count: 1, byCode: { 'cell.type': 1 }, key: 'q/1' };
  const sync = await deliver(catalog, connector, 's1');
  await catalog.refreshes.begin(landed(sync));
  const manifest = manifestOf(sync, 1, { content: 'a' });
  await catalog.refreshes.publish(manifest, manifestKey(manifest), rejected);
  await enqueue(catalog, [connector], '2026-01-01T03:00:00.000Z');
  await fail(AWAY);
  await record();
  await catalog.replays.open({
    id: 'sy_replay',
    of: sync.id,
    slot: 'replay:1',
    codes: undefined,
    by: 'key:1',
    traceparent: TRACEPARENT,
  });
  const [other] = await ask('request:other');
  await catalog.syncs.cancel(other?.id ?? '', { reason: 'not now', by: 'key:1', actor: 'operator' });
  await record();
  expect(await catalog.health.due()).toMatchObject([{ name: connector.name, number: 2 }]);
});

test('another read, or a try that somebody cancelled, ends the wait', async () => {
  await run(YEARLY);
  await ask('request:one');
  await fail(AWAY);
  await record();
  const [retry] = await ask('retry:1');
  expect(await due()).toEqual([]);
  await catalog.syncs.cancel(retry?.id ?? '', { reason: 'not now', by: 'key:1', actor: 'operator' });
  expect(await due()).toEqual([]);
});

test.each([
  ['everything', { full: true }, { full: true, reset: false, range: null }],
  ['everything with reset', { full: true, reset: true }, { full: true, reset: true, range: null }],
  ['a range', { range: { from: '1', to: '2' } }, { full: false, reset: false, range: { from: '1', to: '2' } }],
])('a read of %s is due again as what it was', async (_, asked, again) => {
  await run(YEARLY);
  await run(`UPDATE connector SET mode = 'append'`);
  await publish(catalog, connector, 's1', 1, 'a');
  await ask('request:asked', asked);
  await fail(AWAY);
  await record();
  expect(await due()).toEqual([{ name: connector.name, ...again }]);
});
