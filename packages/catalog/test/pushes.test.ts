import { afterAll, beforeEach, expect, test } from '@jest/globals';
import type { Actor } from '@songhua/domain';
import type pg from 'pg';
import type { Catalog, ConnectorRecord, SyncRecord } from '../src/index.js';
import {
  createWorld,
  land,
  landed,
  manifestKey,
  manifestOf,
  NO_REJECTED,
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
  await rows(`UPDATE connector SET kind = 'push', mode = 'append'`);
});
afterAll(world.end);

const rows = <T extends pg.QueryResultRow>(sql: string) => rowsOf<T>(databaseUrl, sql);

async function push(n: number): Promise<SyncRecord> {
  const content = { sha256: `${n}`.repeat(64), bytes: 1, objectKey: `ingest/${n}`, name: `${n}.csv`, by: 'key:1' };
  const claim = { connector, slot: `request:push-${n}`, full: false, traceparent: TRACEPARENT };
  return (await catalog.ingests.accept(claim, content))?.sync as SyncRecord;
}

interface Read {
  sync: SyncRecord;
  /** Names of what it reads; undefined: a later sync does. */
  names: string[] | undefined;
  cursor: { number: number };
}

/** As a reader does: the first of what waits, up to one that is apart, and `most` at once. Undefined: nothing is queued. */
async function read(most = 100): Promise<Read | undefined> {
  const [sync] = await catalog.syncs.take('reader', 1, 1, 60);
  if (!sync) return undefined;
  const [after] = await rows<{ number: number }>(
    `SELECT (cursor ->> 'number')::integer AS number FROM connector_cursor`,
  );
  const items = await catalog.ingests.pending(sync.id, after?.number ?? 0);
  const apart = items.findIndex((item) => item.apart);
  const wanted = items.slice(0, Math.min(most, apart < 0 ? most : apart + 1));
  const numbers = wanted.map(({ number }) => number);
  const reads = await catalog.ingests.reading(sync, numbers);
  return { sync, names: reads ? wanted.map(({ name }) => name) : undefined, cursor: { number: numbers.at(-1) ?? 0 } };
}

const fail = (one: Read | undefined, actor: Actor, code = 'source.broken') =>
  catalog.syncs.finish('reader', [
    result(one?.sync as SyncRecord, 'failed', { reason: { code, message: 'm', actor, retryable: false } }),
  ]);

async function refreshing({ sync }: Read): Promise<void> {
  await catalog.syncs.finish('reader', [result(sync, 'delivered', { rows: 1, bytes: 10 })]);
  await land(catalog, sync);
  await catalog.refreshes.begin(landed(sync));
}

async function hold(one: Read | undefined): Promise<void> {
  const held = one as Read;
  await refreshing(held);
  const reason = { code: 'guard.shrink', message: 'm', actor: 'department' as const, retryable: false };
  await catalog.refreshes.finish(landed(held.sync), { sync: held.sync.id, state: 'held', reason }, {});
}

let content = '';
async function publish(one: Read | undefined): Promise<void> {
  const { sync, cursor } = one as Read;
  await refreshing(one as Read);
  const [last] = await rows<{ number: number }>('SELECT number FROM current_pointer');
  const previous = last && { previous: { version: last.number, content } };
  content = sync.id.slice(-8);
  const manifest = manifestOf(sync, (last?.number ?? 0) + 1, { content, ...previous, cursor });
  await catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED);
}

const stateOf = async (sync: SyncRecord | undefined) => (await catalog.syncs.get(sync?.id ?? ''))?.state;
const standings = async (): Promise<Record<string, string | null>> =>
  Object.fromEntries(
    (await rows<{ name: string; standing: string | null }>('SELECT name, standing FROM ingest')).map((row) => [
      row.name,
      row.standing,
    ]),
  );

test('what a person refused, alone or with what came after it, is not read again', async () => {
  await push(1);
  await hold(await read());
  const second = await push(2);
  const joint = await read();
  expect(joint?.names).toEqual(['1.csv', '2.csv']);
  await hold(joint);
  await catalog.holds.decide(second.id, { approved: false, reason: 'wrong file', by: 'key:1' });
  await push(3);
  expect((await read())?.names).toEqual(['3.csv']);
});

test('of several that were read together the bad one is found and refused, and the good one is published', async () => {
  await push(1);
  await fail(await read(), 'platform', 'refresh.crashed');
  const second = await push(2);
  const joint = await read();
  expect(joint?.names).toEqual(['1.csv', '2.csv']);
  await fail(joint, 'department');
  // It has not failed: whether its push is at fault is not known.
  expect(await catalog.syncs.get(second.id)).toMatchObject({
    state: 'superseded',
    reason: { code: 'push.handed-on', message: expect.stringContaining('source.broken') },
  });
  const first = await read();
  expect(first?.names).toEqual(['1.csv']);
  await fail(first, 'department');
  expect(await stateOf(first?.sync)).toBe('failed');
  const rest = await read();
  expect(rest?.names).toEqual(['2.csv']);
  await publish(rest);
  expect(await standings()).toEqual({ '1.csv': 'refused', '2.csv': 'proven' });
  expect(await read()).toBeUndefined();
  await push(3);
  expect((await read())?.names).toEqual(['3.csv']);
});

test('what waits for a person does not take the blame of what came after it, nor keeps it back', async () => {
  await push(1);
  await hold(await read());
  const second = await push(2);
  await fail(await read(), 'department');
  expect(await stateOf(second)).toBe('failed');
  expect(await standings()).toEqual({ '1.csv': 'proven', '2.csv': 'refused' });
  const third = await push(3);
  const good = await read();
  expect(good?.names).toEqual(['1.csv', '3.csv']);
  await publish(good);
  expect(await stateOf(third)).toBe('published');
});

test('a good push is not blamed for one that was found to be bad while both were under way', async () => {
  await push(1);
  const first = (await read()) as Read;
  await refreshing(first);
  await push(2);
  const joint = await read();
  expect(joint?.names).toEqual(['1.csv', '2.csv']);
  const reason = { code: 'table.broken', message: 'm', actor: 'department' as const, retryable: false };
  await catalog.refreshes.finish(landed(first.sync), { sync: first.sync.id, state: 'failed', reason }, {});
  await fail(joint, 'department', 'table.broken');
  const alone = await read();
  expect(alone?.names).toEqual(['2.csv']);
  await publish(alone);
  expect(await standings()).toEqual({ '1.csv': 'refused', '2.csv': 'proven' });
});

test('pushes of which not all fit in one read are read one after another; none is called published before it is', async () => {
  for (const n of [1, 2, 3]) {
    await push(n);
    await fail(await read(), 'platform', 'refresh.crashed');
  }
  const last = await push(4);
  // Its own does not fit with those before it.
  expect((await read(2))?.names).toBeUndefined();
  expect(await stateOf(last)).toBe('superseded');
  const early = await read(2);
  expect(early?.names).toEqual(['1.csv', '2.csv']);
  await publish(early);
  const rest = await read(2);
  expect(rest?.names).toEqual(['3.csv', '4.csv']);
  await publish(rest);
  expect(await read(2)).toBeUndefined();
});

test('pushes that are held and leave no room for others are not read again and again; a decision lets the others on', async () => {
  for (const n of [1, 2]) {
    await push(n);
    await fail(await read(), 'platform', 'refresh.crashed');
  }
  await push(3);
  await read(2);
  await hold(await read(2));
  const again = await read(2);
  expect(again?.names).toEqual(['1.csv', '2.csv']);
  await hold(again);
  expect(await read(2)).toBeUndefined();
  await catalog.holds.decide(again?.sync.id ?? '', { approved: false, reason: 'wrong', by: 'key:1' });
  expect((await read(2))?.names).toEqual(['3.csv']);
});

test('a push of a connector that cannot be asked at all is not refused for it', async () => {
  await push(1);
  const [sync] = await catalog.syncs.take('reader', 1, 1, 60);
  await fail({ sync: sync as SyncRecord, names: [], cursor: { number: 0 } }, 'department', 'connector.config-invalid');
  await push(2);
  expect((await read())?.names).toEqual(['1.csv', '2.csv']);
});

test('a push that somebody cancelled is not read, and only that', async () => {
  const [first, second] = [await push(1), await push(2)];
  await catalog.syncs.cancel(first.id, { reason: 'wrong', by: 'key:1', actor: 'department' });
  const one = await read();
  expect([one?.sync.id, one?.names]).toEqual([second.id, ['2.csv']]);
});

test('what is published already is not refused when everything is read anew, whoever is to blame', async () => {
  await push(1);
  await publish(await read());
  await catalog.syncs.enqueue([{ connector, slot: 'request:full', full: true, traceparent: TRACEPARENT }]);
  const [sync] = await catalog.syncs.take('reader', 1, 1, 60);
  const items = await catalog.ingests.pending(sync?.id ?? '', 0);
  await catalog.ingests.reading(
    sync as SyncRecord,
    items.map(({ number }) => number),
  );
  await fail({ sync: sync as SyncRecord, names: [], cursor: { number: 0 } }, 'department');
  expect([await stateOf(sync), await standings()]).toEqual(['failed', { '1.csv': 'proven' }]);
});
