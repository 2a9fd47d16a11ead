import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { wireAttempt } from '@songhua/contracts';
import pg from 'pg';
import { type Catalog, type ConnectorRecord, createCatalog, type SyncRecord } from '../src/index.js';
import { createTestDatabase, type TestDatabase } from '../src/testing.js';
import { applyEstate, deliver, enqueue, land, landed, manifestKey, manifestOf, NO_REJECTED, result } from './estate.js';

let database: TestDatabase | undefined;
let catalog: Catalog;
let connectors: ConnectorRecord[];

async function end(): Promise<void> {
  await catalog?.close();
  await database?.drop();
}

beforeEach(async () => {
  await end();
  database = await createTestDatabase();
  catalog = createCatalog({ databaseUrl: database.url, poolSize: 16 });
  connectors = await applyEstate(catalog, 12, 3);
});
afterAll(end);

const first = (): ConnectorRecord => connectors[0] as ConnectorRecord;

test('a slot is claimed once however many replicas claim it, and its number is given once', async () => {
  const claims = await Promise.all(
    Array.from({ length: 8 }, (_, i) => enqueue(catalog, i % 2 ? connectors : [...connectors].reverse(), 'slot-1')),
  );
  for (const claim of claims) expect(claim.map((sync) => sync.number)).toEqual(connectors.map(() => 1));
  expect(new Set(claims.flat().map((sync) => sync.id)).size).toBe(connectors.length);
  const next = await enqueue(catalog, connectors, 'slot-2');
  expect(next.map((sync) => sync.number)).toEqual(connectors.map(() => 2));
});

test('one statement claims a slot that is named twice once', async () => {
  const syncs = await enqueue(catalog, [first(), first()], 'slot-1');
  expect(new Set(syncs.map((sync) => sync.id)).size).toBe(1);
  expect((await catalog.syncs.list({ limit: 10, offset: 0 })).length).toBe(1);
});

test('no two syncs of one connector are read at once, and they are read in order', async () => {
  await enqueue(catalog, [first()], 'slot-1');
  await enqueue(catalog, [first()], 'slot-2');
  const takes = await Promise.all(Array.from({ length: 8 }, (_, i) => catalog.syncs.take(`owner-${i}`, 4, 4, 60)));
  expect(takes.flat().map((sync) => sync.number)).toEqual([1]);
  const [taken] = takes.flat();
  await catalog.syncs.finish(taken?.owner ?? '', [result(taken as never, 'delivered')]);
  expect((await catalog.syncs.take('a', 4, 4, 60)).map((sync) => sync.number)).toEqual([2]);
});

test('each queued sync is taken by one owner, however many take at once', async () => {
  for (const slot of ['slot-1', 'slot-2', 'slot-3']) await enqueue(catalog, connectors, slot);
  const taken: string[] = [];
  await Promise.all(
    Array.from({ length: 6 }, async (_, i) => {
      const owner = `owner-${i}`;
      for (let idle = 0; idle < 3; ) {
        const syncs = await catalog.syncs.take(owner, 5, 5, 60);
        idle = syncs.length === 0 ? idle + 1 : 0;
        taken.push(...syncs.map((sync) => sync.id));
        await catalog.syncs.finish(
          owner,
          syncs.map((sync) => result(sync, 'unchanged')),
        );
      }
    }),
  );
  expect(taken).toHaveLength(connectors.length * 3);
  expect(new Set(taken).size).toBe(connectors.length * 3);
});

test('what must never be is refused by the database, whoever writes', async () => {
  const [sync] = await enqueue(catalog, [first()], 'slot-1');
  await enqueue(catalog, [first()], 'slot-2');
  await catalog.syncs.take('a', 1, 1, 60);
  const client = new pg.Client({ connectionString: database?.url });
  await client.connect();
  const refused: [string, string][] = [
    [`UPDATE sync SET state = 'reading', owner = 'b', lease_until = now() WHERE slot = 'slot-2'`, 'sync_one_reading'],
    [`UPDATE sync SET slot = 'slot-1' WHERE slot = 'slot-2'`, 'sync_slot_once'],
    [`UPDATE sync SET number = 1 WHERE slot = 'slot-2'`, 'sync_number_once'],
    [`UPDATE sync SET owner = NULL WHERE slot = 'slot-1'`, 'sync_lease_while_reading'],
    [`UPDATE sync SET state = 'failed', ended_at = now() WHERE slot = 'slot-2'`, 'sync_reason_when_stopped'],
    [`UPDATE sync SET state = 'unchanged' WHERE slot = 'slot-2'`, 'sync_end_when_terminal'],
    [
      `INSERT INTO current_pointer SELECT dataset_id, 1, 'x', 0, 0, now(), NULL, now() FROM sync WHERE id = '${sync?.id}'`,
      'current_pointer_dataset_id_number_fkey',
    ],
    [
      `UPDATE sync SET state = 'held', owner = NULL, lease_until = NULL, reason = '{}' WHERE slot = 'slot-1'`,
      'sync_landing_when_refreshed',
    ],
    [`UPDATE sync SET read_range = '{}' WHERE slot = 'slot-2'`, 'sync_range_when_backfill'],
    [`UPDATE sync SET state = 'gone' WHERE slot = 'slot-2'`, 'sync_state_known'],
    [`INSERT INTO department (name, title, spec) VALUES ('../x', '', '{}')`, 'resource_name_check'],
  ];
  for (const [sql, constraint] of refused)
    await expect(client.query(sql).then(() => sql)).rejects.toMatchObject({ constraint });
  await client.end();
});

test('departments with the fewest running syncs come first, then the oldest', async () => {
  const of = (department: string): ConnectorRecord[] => connectors.filter((c) => c.department === department);
  await enqueue(catalog, of('bureau-0'), 'slot-1');
  await enqueue(catalog, of('bureau-1'), 'slot-1');
  await enqueue(catalog, of('bureau-2').slice(0, 1), 'slot-1');
  const departments = async (limit: number): Promise<string[]> =>
    (await catalog.syncs.take('a', limit, limit, 60)).map((sync) => sync.department);
  expect(await departments(2)).toEqual(['bureau-0', 'bureau-1']);
  expect(await departments(4)).toEqual(['bureau-2', 'bureau-0', 'bureau-1', 'bureau-0']);
  expect(await departments(9)).toEqual(['bureau-1', 'bureau-0', 'bureau-1']);
});

test('a sync whose lease was lost is not ended by the one that lost it', async () => {
  await enqueue(catalog, [first()], 'slot-1');
  const [sync] = await catalog.syncs.take('paused', 1, 1, -1);
  expect(await catalog.syncs.recoverExpired(3)).toEqual({ requeued: [sync?.id], failed: [] });
  const [again] = await catalog.syncs.take('other', 1, 1, 60);
  expect(again).toMatchObject({ id: sync?.id, attempt: 2, owner: 'other' });
  expect(await catalog.syncs.renew('paused', [{ id: sync?.id ?? '', begun: true, rows: 0, bytes: 0 }], 60)).toEqual([]);
  expect(await catalog.syncs.finish('paused', [result(sync as never, 'delivered')])).toEqual([]);
  expect((await catalog.syncs.get(sync?.id ?? ''))?.state).toBe('reading');
  expect(await catalog.syncs.finish('other', [result(again as never, 'delivered')])).toEqual([sync?.id]);
});

test('a sync that outlives its attempts fails with a reason and an actor', async () => {
  await enqueue(catalog, [first()], 'slot-1');
  for (let attempt = 1; attempt <= 2; attempt++) {
    await catalog.syncs.take('gone', 1, 1, -1);
    await catalog.syncs.recoverExpired(2);
  }
  const [sync] = await catalog.syncs.list({ limit: 1, offset: 0 });
  expect(sync).toMatchObject({ state: 'failed', attempt: 2, reason: { code: 'sync.abandoned', actor: 'platform' } });
  expect(await catalog.syncs.take('a', 1, 1, 60)).toEqual([]);
});

const problem = { code: 'landing.gap', message: 'm', actor: 'platform' as const, retryable: false };
const begin = async (slot: string, connector = first()): Promise<SyncRecord> => {
  await enqueue(catalog, [connector], slot);
  const [sync] = await catalog.syncs.take('a', 1, 1, 60);
  return sync as SyncRecord;
};
const stateOf = async ({ id }: { id: string }) => (await catalog.syncs.get(id))?.state;

test('a replica that stops gives back what it read, however often, and nothing is held against the sync', async () => {
  await enqueue(catalog, [first()], 'slot-1');
  for (let attempt = 1; attempt <= 8; attempt++) {
    const [sync] = await catalog.syncs.take('pod', 1, 1, 60);
    expect(sync).toMatchObject({ attempt });
    await catalog.syncs.giveBack('pod', [sync?.id ?? '']);
    expect(await catalog.syncs.recoverExpired(3)).toEqual({ requeued: [], failed: [] });
  }
  const [sync] = await catalog.syncs.take('last', 1, 1, 60);
  expect(await catalog.syncs.finish('last', [result(sync as SyncRecord, 'delivered')])).toEqual([sync?.id]);
});

test('syncs that were only taken ahead have no part in the end of their process', async () => {
  await enqueue(catalog, connectors.slice(0, 2), 'slot-1');
  for (let time = 1; time <= 2; time++) {
    await catalog.syncs.take('gone', 2, 1, -1);
    await catalog.syncs.recoverExpired(2);
  }
  const states = await catalog.syncs.list({ limit: 5, offset: 0 });
  expect(states.map(({ state }) => state).sort()).toEqual(['failed', 'queued']);
});

test('what landed is on its way, whether or not its reader could still say that it was delivered', async () => {
  const one = await begin('slot-1');
  expect(await land(catalog, one)).toEqual({ state: 'landed', dispatch: true });
  expect(await catalog.syncs.finish('a', [result(one, 'delivered', { rows: 1 })])).toEqual([one.id]);
  expect(await catalog.syncs.recoverExpired(3)).toEqual({ requeued: [], failed: [] });
  expect(await land(catalog, one)).toEqual({ state: 'landed', dispatch: true });
  expect(await catalog.syncs.get(one.id)).toMatchObject({
    state: 'landed',
    rows: 1,
    owner: null,
    refresh: { state: 'running' },
  });
});

test('what lands of a slot that a restored catalog claimed anew is of nobody it knows: it was read from another cursor', async () => {
  const one = await begin('slot-1');
  const before = '00-11111111111111111111111111111111-b7ad6b7169203331-01';
  await expect(land(catalog, one, one.id, before)).rejects.toMatchObject({ code: 'sync.unknown' });
  expect(await catalog.syncs.get(one.id)).toMatchObject({ state: 'reading' });
  expect(await land(catalog, one, one.id, one.traceparent)).toEqual({ state: 'landed', dispatch: true });
});

test('what lands of an attempt that was given up changes nothing', async () => {
  const one = await begin('slot-1');
  await catalog.syncs.giveBack('a', [one.id]);
  expect(await land(catalog, one)).toEqual({ state: 'queued', dispatch: false });
  const [again] = await catalog.syncs.take('b', 1, 1, 60);
  expect(await land(catalog, one)).toEqual({ state: 'reading', dispatch: false });
  expect(await land(catalog, again as SyncRecord)).toEqual({ state: 'landed', dispatch: true });
  expect(await land(catalog, one)).toEqual({ state: 'landed', dispatch: false });
  await expect(land(catalog, { ...one, id: 'sy_none' })).rejects.toMatchObject({
    code: 'sync.unknown',
    retryable: false,
  });
});

test('what did not land whole is read again, and the third time it fails with the reason', async () => {
  await enqueue(catalog, [first()], 'slot-1');
  const states: string[] = [];
  for (let time = 1; time <= 3; time++) {
    const [sync] = await catalog.syncs.take('a', 1, 1, 60);
    const facts = { claim: sync?.attempt ?? 0, attempt: wireAttempt(sync?.attempt ?? 0, 1), problem };
    states.push((await catalog.syncs.land(sync?.id ?? '', facts)).state);
    expect((await catalog.syncs.get(sync?.id ?? ''))?.trouble?.reason ?? problem).toEqual(problem);
  }
  expect(states).toEqual(['queued', 'queued', 'failed']);
  expect((await catalog.syncs.list({ limit: 1, offset: 0 }))[0]).toMatchObject({ reason: problem, trouble: null });
});

test('a delivered sync that never lands is read again once later ones have landed, not while landing is behind', async () => {
  const lost = await begin('slot-1');
  await catalog.syncs.finish('a', [result(lost, 'delivered')]);
  const elsewhere = await begin('slot-1', connectors[1]);
  await catalog.syncs.finish('a', [result(elsewhere, 'delivered')]);
  await land(catalog, elsewhere);
  // What travels another way may be far ahead.
  expect(await catalog.syncs.recoverDelivered(-1, 3600)).toEqual({ requeued: [], failed: [] });
  const later = await begin('slot-2');
  await catalog.syncs.finish('a', [result(later, 'delivered')]);
  await land(catalog, later);
  const client = new pg.Client({ connectionString: database?.url });
  await client.connect();
  await client.query(`UPDATE sync SET read_at = read_at - interval '2 minutes' WHERE id = $1`, [lost.id]);
  await client.end();
  expect(await catalog.syncs.recoverDelivered(60, 3600)).toEqual({ requeued: [lost.id], failed: [] });
  expect(await catalog.syncs.get(lost.id)).toMatchObject({
    state: 'queued',
    trouble: { reason: { code: 'landing.missing' } },
  });
});

test('what keeps a sync from landing is told, with how often it was tried, until it lands', async () => {
  const sync = await begin('slot-1');
  await catalog.syncs.finish('a', [result(sync, 'delivered')]);
  const told = { claim: sync.attempt, traceparent: sync.traceparent, reason: problem };
  for (const tries of [1, 2]) {
    await catalog.syncs.landingTrouble(sync.id, told);
    expect(await catalog.syncs.get(sync.id)).toMatchObject({ state: 'delivered', trouble: { reason: problem, tries } });
  }
  await catalog.syncs.landingTrouble(sync.id, { ...told, claim: sync.attempt + 1 });
  await catalog.syncs.landingTrouble(sync.id, { ...told, traceparent: 'of another claim' });
  await land(catalog, sync);
  await catalog.syncs.landingTrouble(sync.id, told);
  expect(await catalog.syncs.get(sync.id)).toMatchObject({ state: 'landed', trouble: null });
});

test('a delivered sync is read again however often somebody asks for it, and lands in the end', async () => {
  await enqueue(catalog, [first()], 'slot-1');
  for (let time = 1; time <= 5; time++) {
    const [sync] = await catalog.syncs.take('a', 1, 1, 60);
    await catalog.syncs.finish('a', [result(sync as SyncRecord, 'delivered')]);
    expect(await catalog.syncs.rereadDelivered(-1)).toEqual([sync?.id]);
  }
  const [sync] = await catalog.syncs.take('a', 1, 1, 60);
  await catalog.syncs.finish('a', [result(sync as SyncRecord, 'delivered')]);
  await land(catalog, sync as SyncRecord);
  expect(await catalog.syncs.get(sync?.id ?? '')).toMatchObject({ state: 'landed' });
});

test('a delivered sync that never lands, however long landing is away, ends with a reason', async () => {
  await enqueue(catalog, [first()], 'slot-1');
  for (let time = 1; time <= 3; time++) {
    const [sync] = await catalog.syncs.take('a', 1, 1, 60);
    await catalog.syncs.finish('a', [result(sync as SyncRecord, 'delivered')]);
    await catalog.syncs.recoverDelivered(3600, -1);
  }
  const [sync] = await catalog.syncs.list({ limit: 1, offset: 0 });
  expect(sync).toMatchObject({ state: 'failed', reason: { code: 'landing.missing', actor: 'platform' } });
});

test('what no lane works on is handed over again, a hold is not, and nothing that failed is published afterwards', async () => {
  const lost = await deliver(catalog, first(), 'slot-1');
  const held = await deliver(catalog, connectors[1] as ConnectorRecord, 'slot-1');
  const reason = { code: 'guard.shrink', message: 'm', actor: 'department' as const, retryable: false };
  await catalog.refreshes.finish(landed(held), { sync: held.id, state: 'held', reason }, {});
  expect(await catalog.syncs.recoverLanded(60, 10)).toEqual([]);
  expect(await catalog.syncs.recoverLanded(-1, 10)).toEqual([landed(lost)]);
  expect(await catalog.syncs.get(held.id)).toMatchObject({ state: 'held', refresh: { state: 'held', reason } });

  await catalog.refreshes.begin(landed(lost));
  await catalog.refreshes.finish(landed(lost), { sync: lost.id, state: 'failed', reason }, {});
  const manifest = manifestOf(lost, 1, { content: 'a' });
  await expect(catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED)).rejects.toMatchObject({
    code: 'version.conflict',
  });
  expect(await stateOf(lost)).toBe('failed');
  expect(await catalog.estate.versions(lost.dataset)).toEqual([]);
});

test('validators of an unchanged check join the cursor, and go when the cursor moves on', async () => {
  const cursor = async (): Promise<unknown> => (await catalog.connectors.cursors([first().id])).get(first().id);
  const check = async (slot: string, etag: string): Promise<void> => {
    await enqueue(catalog, [first()], slot);
    const [sync] = await catalog.syncs.take('a', 1, 1, 60);
    await catalog.syncs.finish('a', [result(sync as never, 'unchanged', { validators: { etag } })]);
  };
  expect(await cursor()).toBeUndefined();
  const one = await deliver(catalog, first(), 'slot-1');
  await catalog.refreshes.begin(landed(one));
  const manifest = manifestOf(one, 1, { content: 'a', cursor: { at: 1, etag: 'x' } });
  await catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED);
  await check('slot-2', 'y');
  expect(await cursor()).toEqual({ at: 1, etag: 'y' });
  await check('slot-3', 'z');
  expect(await cursor()).toEqual({ at: 1, etag: 'z' });
  const two = await deliver(catalog, first(), 'slot-4');
  await catalog.refreshes.begin(landed(two));
  const next = manifestOf(two, 2, { content: 'b', previous: { version: 1, content: 'a' }, cursor: { at: 2 } });
  await catalog.refreshes.publish(next, manifestKey(next), NO_REJECTED);
  expect(await cursor()).toEqual({ at: 2 });
});

test('a deleted connector ends its queued syncs, and its numbers go on when it is applied again', async () => {
  const [sync] = await enqueue(catalog, [first()], 'slot-1');
  const token = await catalog.connectors.changeToken();
  expect(await catalog.connectors.delete(first().name, 'test')).toBe(true);
  expect(await catalog.connectors.delete(first().name, 'test')).toBe(false);
  expect(await catalog.connectors.get(first().name)).toBeUndefined();
  expect(await catalog.connectors.changeToken()).not.toBe(token);
  expect(await catalog.syncs.get(sync?.id ?? '')).toMatchObject({
    state: 'failed',
    reason: { code: 'connector.deleted' },
  });
  await applyEstate(catalog, 12, 3);
  expect((await enqueue(catalog, [first()], 'slot-2')).map((s) => s.number)).toEqual([2]);
});

test('the last schedule slot is told, whatever else was asked for', async () => {
  await enqueue(catalog, [first()], '2026-11-22T03:00:00.000Z');
  await enqueue(catalog, [first()], '2026-11-23T03:00:00.000Z');
  for (const other of ['backfill:2026', 'replay:sy_1', 'request:abc', 'retry:1', 'rules:2', 'rules:2:read'])
    await enqueue(catalog, [first()], other);
  expect(await catalog.connectors.lastSlots()).toEqual(new Map([[first().id, new Date('2026-11-23T03:00:00.000Z')]]));
  expect((await catalog.syncs.list({ request: 'abc', limit: 5, offset: 0 })).map((s) => s.slot)).toEqual([
    'request:abc',
  ]);
});

test('a sync that waits or is read is cancelled once, with the reason and by whom; its reader loses it and the next one is taken', async () => {
  const [reading] = await enqueue(catalog, [first()], 'slot-1');
  const [queued] = await enqueue(catalog, [first()], 'slot-2');
  const [next] = await enqueue(catalog, [first()], 'slot-3');
  if (!reading || !queued || !next) throw new Error('nothing was claimed');
  await catalog.syncs.take('reader', 4, 4, 60);
  const decision = { reason: 'it drips', by: 'key:1', actor: 'department' } as const;
  for (const { id } of [reading, queued]) {
    const both = await Promise.all([catalog.syncs.cancel(id, decision), catalog.syncs.cancel(id, decision)]);
    expect(both.filter(Boolean)).toMatchObject([
      {
        id,
        state: 'failed',
        owner: null,
        reason: { code: 'sync.cancelled', message: 'key:1: it drips', actor: 'department', retryable: false },
      },
    ]);
  }
  expect(await catalog.audit.list({ action: 'sync.cancel', limit: 9 })).toMatchObject([
    { actor: 'key:1', detail: { sync: queued.id, state: 'queued', reason: 'it drips' } },
    { actor: 'key:1', detail: { sync: reading.id, state: 'reading', reason: 'it drips' } },
  ]);
  expect(await catalog.syncs.renew('reader', [{ id: reading.id, begun: true, rows: 0, bytes: 0 }], 60)).toEqual([]);
  expect(await catalog.syncs.finish('reader', [result(reading, 'delivered')])).toEqual([]);
  expect((await catalog.syncs.take('reader', 4, 4, 60)).map(({ id }) => id)).toEqual([next.id]);
});

test('a sync that is read to its end is cancelled no more, and neither is one that is not there', async () => {
  const [sync] = await enqueue(catalog, [first()], 'slot-1');
  if (!sync) throw new Error('nothing was claimed');
  await catalog.syncs.take('reader', 4, 4, 60);
  await catalog.syncs.finish('reader', [result(sync, 'delivered')]);
  const decision = { reason: 'too late', by: 'key:1', actor: 'operator' } as const;
  expect(await catalog.syncs.cancel(sync.id, decision)).toBeUndefined();
  expect(await catalog.syncs.cancel('sy_none', decision)).toBeUndefined();
  expect(await catalog.syncs.get(sync.id)).toMatchObject({ state: 'delivered', reason: null });
  expect(await catalog.audit.list({ action: 'sync.cancel', limit: 9 })).toEqual([]);
});

test('syncs that somebody cancelled say nothing of how the source fares', async () => {
  for (const slot of ['1', '2', '3', '4', '5', '6']) {
    const [sync] = await enqueue(catalog, [first()], slot);
    if (sync) await catalog.syncs.cancel(sync.id, { reason: 'not now', by: 'key:1', actor: 'department' });
  }
  expect(await catalog.health.ailing(3600)).toEqual([]);
});
