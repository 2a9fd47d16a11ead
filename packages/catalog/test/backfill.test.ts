import { afterAll, beforeEach, expect, test } from '@jest/globals';
import type { Catalog, ConnectorRecord, SyncClaim, SyncRecord } from '../src/index.js';
import {
  createWorld,
  deliver,
  landed,
  manifestKey,
  manifestOf,
  NO_REJECTED,
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

const RANGE = { from: '2024-01-01', to: '2024-12-31' };

async function ask(slot: string, more: Partial<SyncClaim>): Promise<SyncRecord> {
  const [sync] = await catalog.syncs.enqueue([{ connector, slot, full: false, traceparent: TRACEPARENT, ...more }]);
  return sync as SyncRecord;
}

const cursorNow = async (): Promise<unknown> => (await catalog.connectors.cursors([connector.id])).get(connector.id);
const clocksNow = async () => (await catalog.estate.dataset(connector.dataset, new Date()))?.clocks;

const rows = (sql: string) => rowsOf(databaseUrl, sql);

test('a backfill publishes without moving the cursor (I5) or making old data look fresh, and the order of reads stays', async () => {
  await publish(catalog, connector, 'slot-1', 1, 'a');
  const [cursor, clocks] = [await cursorNow(), await clocksNow()];
  const late = await deliver(catalog, connector, 'slot-2');
  await ask('request:b', { range: RANGE });
  const backfill = await deliver(catalog, connector, 'request:b');
  expect(backfill).toMatchObject({ range: RANGE, full: false, reset: false });
  await catalog.refreshes.begin(landed(backfill));
  const manifest = manifestOf(backfill, 2, { content: 'b', previous: { version: 1, content: 'a' } });
  manifest.source.changedAt = new Date().toISOString();
  expect(await catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED)).toBe('committed');
  expect(await cursorNow()).toEqual(cursor);
  expect(await clocksNow()).toEqual(clocks);
  expect((await catalog.refreshes.begin(landed(late))).handled).toBeUndefined();
});

test('a backfill that finds nothing new is no check of the whole source', async () => {
  await publish(catalog, connector, 'slot-1', 1, 'a');
  const [cursor, clocks] = [await cursorNow(), await clocksNow()];
  await ask('request:b', { range: RANGE });
  const delivered = await deliver(catalog, connector, 'request:b');
  await catalog.refreshes.begin(landed(delivered));
  const outcome = { sync: delivered.id, state: 'unchanged' as const, version: 1 };
  await catalog.refreshes.finish(landed(delivered), outcome, {
    cursor: { elsewhere: true },
    sourceChangedAt: new Date().toISOString(),
  });
  await ask('request:c', { range: RANGE });
  const [taken] = await catalog.syncs.take('reader', 1, 1, 60);
  await catalog.syncs.finish('reader', [result(taken as SyncRecord, 'unchanged')]);
  expect(await cursorNow()).toEqual(cursor);
  expect(await clocksNow()).toEqual(clocks);
});

test('a backfill before any other sync leaves no cursor', async () => {
  await ask('request:b', { range: RANGE });
  const backfill = await deliver(catalog, connector, 'request:b');
  await catalog.refreshes.begin(landed(backfill));
  const manifest = manifestOf(backfill, 1, { content: 'b' });
  await catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED);
  expect(await cursorNow()).toBeUndefined();
});

test('what is asked beyond the cursor is kept with the sync and audited once with who asked', async () => {
  await ask('slot-1', {});
  const claims = [
    ['request:1', { full: true }],
    ['request:2', { full: true, reset: true }],
    ['request:3', { range: { from: '5' } }],
  ] as const;
  for (const [slot, more] of [...claims, ...claims]) {
    const sync = await ask(slot, { ...more, by: 'user:kim' });
    expect((await catalog.syncs.get(sync.id)) ?? {}).toMatchObject(more);
  }
  const audited = await rows(
    `SELECT actor, subject, detail - 'sync' AS detail FROM audit WHERE action = 'sync.request' ORDER BY sequence`,
  );
  const subject = `Connector/${connector.name}`;
  expect(audited).toEqual([
    { actor: 'user:kim', subject, detail: { full: true, reset: false } },
    { actor: 'user:kim', subject, detail: { full: true, reset: true } },
    { actor: 'user:kim', subject, detail: { full: false, reset: false, range: { from: '5' } } },
  ]);
});

test('a range and everything, or a reset of a part, are refused by the database', async () => {
  await expect(ask('request:1', { full: true, range: RANGE })).rejects.toThrow('sync_read_when_everything');
  await expect(ask('request:2', { reset: true })).rejects.toThrow('sync_reset_reads_everything');
});
