import { afterAll, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import type { Catalog, ConnectorRecord, RejectedSummary, SyncRecord } from '../src/index.js';
import { createWorld, deliver, landed, manifestKey, manifestOf, NO_REJECTED } from './estate.js';

let catalog: Catalog;
let connector: ConnectorRecord;
let databaseUrl: string;
const world = createWorld(4);
beforeEach(async () => {
  ({ catalog, connector, databaseUrl } = await world.fresh());
});
afterAll(world.end);

const rejected: RejectedSummary = {
  count: 2,
  byCode: { 'cell.type': 2 },
  groups: [{ code: 'cell.type', field: 'id', count: 2, replayable: 2, message: 'not a number' }],
  key: 'q/1',
};
const reason = { code: 'guard.rejected', message: 'too many', actor: 'department' as const, retryable: false };

async function hold(slot: string, summary: RejectedSummary = rejected): Promise<SyncRecord> {
  const sync = await deliver(catalog, connector, slot);
  await catalog.refreshes.begin(landed(sync));
  await catalog.refreshes.finish(landed(sync), { sync: sync.id, state: 'held', reason }, { rejected: summary });
  return sync;
}

async function publishOf(sync: SyncRecord, summary: RejectedSummary) {
  await catalog.refreshes.begin(landed(sync));
  const manifest = manifestOf(sync, 1, { content: 'a' });
  await catalog.refreshes.publish(manifest, manifestKey(manifest), summary);
}

test('the quarantine of a published sync has what its version rejected, not what a hold before did (I4)', async () => {
  const sync = await hold('s1');
  expect(await catalog.estate.quarantined(sync.id)).toMatchObject({ count: 2 });
  await catalog.holds.decide(sync.id, { approved: true, reason: 'mended', by: 'key:1' });
  await publishOf(sync, NO_REJECTED);
  expect(await catalog.estate.quarantined(sync.id)).toBeUndefined();
  expect((await catalog.replays.source(sync.id))?.problem).toBe('missing');
});

test('a hold that is tried again and held for something else keeps what it rejects now', async () => {
  const sync = await hold('s1');
  await catalog.holds.decide(sync.id, { approved: true, reason: 'mended', by: 'key:1' });
  await catalog.refreshes.begin(landed(sync));
  const shrunk = { ...reason, code: 'guard.shrink' };
  await catalog.refreshes.finish(
    landed(sync),
    { sync: sync.id, state: 'held', reason: shrunk },
    { rejected: NO_REJECTED },
  );
  expect(await catalog.estate.quarantined(sync.id)).toBeUndefined();
});

test('rows of holds whose place a later one took are listed once', async () => {
  for (const n of [1, 2, 3]) await hold(`s${n}`);
  const list = await catalog.estate.quarantine({ limit: 10, offset: 0 });
  expect((await catalog.estate.summary(new Date())).quarantined).toBe(2);
  expect(list.map(({ count }) => count)).toEqual([2]);
});

test.each([
  ['rejected', false, { state: 'failed', code: 'hold.rejected' }],
  ['approved', true, { state: 'landed', code: null }],
])('what a person %s stays so, whatever is published at the same moment', async (_, approved, stands) => {
  const held = await hold('s1', NO_REJECTED);
  const later = await deliver(catalog, connector, 's2');
  const person = new pg.Client({ connectionString: databaseUrl });
  await person.connect();
  try {
    await person.query('BEGIN');
    await person.query('SELECT hold_decide($1, $2)', [
      held.id,
      JSON.stringify({ approved, reason: 'looked', by: 'key:1' }),
    ]);
    const publishing = publishOf(later, NO_REJECTED);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await person.query('COMMIT');
    await publishing;
    const { rows } = await person.query(`SELECT state, reason ->> 'code' AS code FROM sync WHERE id = $1`, [held.id]);
    expect(rows).toEqual([stands]);
  } finally {
    await person.end();
  }
});
