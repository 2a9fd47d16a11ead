import { afterAll, beforeEach, expect, test } from '@jest/globals';
import type { RefreshOutcome } from '@songhua/contracts';
import { type DatasetSpec, type LaneReference, type Resource, rulesHash } from '@songhua/contracts';
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
  rowsOf,
} from './estate.js';

let catalog: Catalog;
let connector: ConnectorRecord;
let databaseUrl: string;
const world = createWorld(4);
beforeEach(async () => {
  ({ catalog, connector, databaseUrl } = await world.fresh());
});
afterAll(world.end);

const AWAY = { code: 'object.unavailable', message: 'away', actor: 'operator' as const, retryable: false };
const GUARD = { code: 'guard.rejected', message: 'too many', actor: 'department' as const, retryable: false };
const WAIT = 30;

const spec = (columns: DatasetSpec['columns']): Extract<Resource, { kind: 'Dataset' }> => ({
  apiVersion: 'songhua/v1',
  kind: 'Dataset',
  metadata: { name: 'data-0' },
  spec: {
    title: '数据 0',
    department: 'bureau-0',
    domain: 'health',
    frequency: 'DAILY',
    primaryKey: ['id'],
    columns,
    schemaPolicy: 'hold',
    guards: { maxShrink: 0.5, maxRejected: 0.1 },
  },
});
const TEXT = spec([{ name: 'id', type: 'string' }]);
const NUMBER = spec([{ name: 'id', type: 'integer' }]);
const TEXT_RULES = rulesHash(TEXT.spec);
const change = async (to = TEXT) => (await catalog.estate.apply([to], 'test')).lanes;
const due = () => catalog.estate.openDueRefreshes(WAIT);
const inSync = async () => (await catalog.estate.dataset('data-0', new Date()))?.inSync;
const run = (sql: string) => rowsOf(databaseUrl, sql);
const later = (seconds: number) => run(`UPDATE sync SET ended_at = ended_at - make_interval(secs => ${seconds})`);
async function end(lane: LaneReference | undefined, outcome: Omit<RefreshOutcome, 'sync'>, rules?: string) {
  if (!lane) throw new Error('nothing was opened');
  await catalog.refreshes.begin(lane);
  await catalog.refreshes.finish(lane, { sync: lane.sync, ...outcome }, { rules });
}
async function publishOf(lane: LaneReference | undefined, rules: string | undefined, version = 2) {
  if (!lane) throw new Error('nothing was opened');
  await catalog.refreshes.begin(lane);
  const sync = (await catalog.syncs.get(lane.sync)) as unknown as SyncRecord;
  const manifest = manifestOf(sync, version, {
    content: `made ${version}`,
    previous: { version: version - 1, content: version === 2 ? 'a' : `made ${version - 1}` },
  });
  await catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED, { rules });
}
const failRead = async () => {
  const [sync] = await catalog.syncs.take('reader', 1, 1, 60);
  await catalog.syncs.finish('reader', [result(sync as SyncRecord, 'failed', { reason: AWAY })]);
};
const queued = async () => (await catalog.syncs.list({ state: 'queued', limit: 9, offset: 0 })).reverse();

test('what is not served by the rules it declares is not confirmed, and made anew until it is', async () => {
  await publish(catalog, connector, 's1', 1, 'a');
  expect(await inSync()).toBe('confirmed');
  const [first] = await change();
  expect(await inSync()).toBe('differs');
  expect(await due()).toEqual([]);
  await end(first, { state: 'failed', reason: AWAY });
  // A look that finds the source as it was says nothing of the rules.
  await enqueue(catalog, [connector], 's2');
  const [read] = await catalog.syncs.take('reader', 1, 1, 60);
  await catalog.syncs.finish('reader', [result(read as SyncRecord, 'unchanged')]);
  expect(await inSync()).toBe('differs');

  expect(await due()).toEqual([]);
  await later(WAIT);
  const [second, ...none] = await due();
  expect(none).toEqual([]);
  expect(await due()).toEqual([]);
  await end(second, { state: 'failed', reason: AWAY });
  await later(WAIT);
  expect(await due()).toEqual([]);
  await later(WAIT);
  const [third] = await due();
  await publishOf(third, TEXT_RULES);
  expect(await inSync()).toBe('confirmed');
  await later(86_400);
  expect(await due()).toEqual([]);
});

test('rules by which the data is the same are applied as well', async () => {
  await publish(catalog, connector, 's1', 1, 'a');
  const [lane] = await change();
  await end(lane, { state: 'unchanged', version: 1 }, TEXT_RULES);
  await later(86_400);
  expect(await due()).toEqual([]);
  expect(await inSync()).toBe('confirmed');
});

test('rules that are changed back are applied without a refresh once what is served was made by them', async () => {
  await change(NUMBER);
  const sync = await deliver(catalog, connector, 's1');
  await catalog.refreshes.begin(landed(sync));
  const manifest = manifestOf(sync, 1, { content: 'a' });
  await catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED, { rules: rulesHash(NUMBER.spec) });
  const [lane] = await change();
  await end(lane, { state: 'failed', reason: AWAY });
  await change(NUMBER);
  expect(await inSync()).toBe('confirmed');
});

test.each([
  ['holds', async () => undefined],
  [
    'refused',
    async (sync: string) => {
      await catalog.holds.decide(sync, { approved: false, reason: 'no', by: 'key:1' });
    },
  ],
])('what a person %s is left to them until the rules change again', async (_, decide) => {
  await publish(catalog, connector, 's1', 1, 'a');
  const [lane] = await change();
  await end(lane, { state: 'held', reason: GUARD });
  await decide(lane?.sync ?? '');
  await later(86_400);
  expect(await due()).toEqual([]);
  expect(await inSync()).toBe('differs');
  expect(await change(spec([{ name: 'id', type: 'string', title: '编号' }]))).toHaveLength(1);
});

test('a read of everything that failed is tried again as one, after the wait of its source', async () => {
  await run(`UPDATE connector SET mode = 'append'`);
  await publish(catalog, connector, 's1', 1, 'a');
  expect(await change()).toEqual([]);
  await failRead();
  await later(WAIT);
  const [ailing] = await catalog.health.ailing(3600);
  if (!ailing) throw new Error('nothing fails');
  const health = { failures: 1, failingSince: new Date(), reason: AWAY, rateLimited: false };
  await catalog.health.record(ailing, { ...health, nextAttemptAt: new Date(Date.now() + 60_000) });
  await due();
  expect(await queued()).toEqual([]);
  await run(`UPDATE connector_health SET next_attempt_at = now()`);
  await due();
  await due();
  expect(await queued()).toMatchObject([{ purpose: 'read', full: true, reset: true }]);
});

test('rows that came since by the new rules do not make what was there before so', async () => {
  await run(`UPDATE connector SET mode = 'append'`);
  await publish(catalog, connector, 's1', 1, 'a');
  await change();
  await failRead();
  await publish(catalog, connector, 's2', 2, 'b', { version: 1, content: 'a' });
  expect(await inSync()).toBe('differs');
});

test('what was cancelled is not opened again, and what a paused connector would read waits', async () => {
  await run(`UPDATE connector SET mode = 'append'`);
  await publish(catalog, connector, 's1', 1, 'a');
  await change();
  await failRead();
  await later(WAIT);
  await catalog.connectors.step(connector.name, { type: 'pause' }, { author: 'test', reason: 'night' });
  await due();
  expect(await queued()).toEqual([]);
  await catalog.connectors.step(connector.name, { type: 'resume' }, { author: 'test', reason: 'day' });
  await due();
  const [read] = await queued();
  await catalog.syncs.cancel(read?.id ?? '', { reason: 'not now', by: 'key:1', actor: 'operator' });
  await later(86_400);
  await due();
  expect(await queued()).toEqual([]);
});

test('what was pushed in parts keeps the rules it came under', async () => {
  await run(`UPDATE connector SET kind = 'push', mode = 'append'`);
  await publish(catalog, connector, 's1', 1, 'a');
  await change();
  expect(await inSync()).toBe('confirmed');
  expect(await due()).toEqual([]);
});

test('what several connectors feed in parts is not reset by one of them, and the plan says what to do', async () => {
  await run(`UPDATE connector SET mode = 'append'`);
  await catalog.connectors.apply(
    [
      {
        apiVersion: 'songhua/v1',
        kind: 'Connector',
        metadata: { name: 'second-files' },
        spec: { dataset: 'data-0', kind: 'file', mode: 'append', config: { path: 'b.csv' }, secrets: {} },
      },
    ],
    OPERATOR,
  );
  const second = (await catalog.connectors.get('second-files')) as ConnectorRecord;
  await publish(catalog, connector, 's1', 1, 'a');
  await publish(catalog, second, 's1', 2, 'ab', { version: 1, content: 'a' });
  const { changes } = await catalog.estate.apply([TEXT], 'test', { dryRun: true });
  expect(changes[0]?.causes).toMatchObject([{ code: 'refresh.none' }]);
  expect(changes[0]?.causes?.[0]?.message).toContain(
    '"songhua sync data-0-files --full --reset --wait", then "songhua sync second-files --full"',
  );
  expect(await change()).toEqual([]);
  await due();
  expect(await queued()).toEqual([]);
  expect(await inSync()).toBe('differs');
});
