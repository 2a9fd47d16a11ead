import { afterAll, beforeEach, expect, test } from '@jest/globals';
import type { Catalog, ConnectorRecord, SyncRecord } from '../src/index.js';
import { createWorld, enqueue, result } from './estate.js';

let catalog: Catalog;
let connector: ConnectorRecord;
const world = createWorld(8);
beforeEach(async () => {
  ({ catalog, connector } = await world.fresh());
});
afterAll(world.end);

const at = (minute: number): string => `2026-11-30T00:${String(minute).padStart(2, '0')}:00.000Z`;
const queued = async (): Promise<string[]> => {
  const found = await catalog.syncs.list({ connector: connector.name, state: 'queued', limit: 100, offset: 0 });
  return found.sort((a, b) => a.number - b.number).map(({ slot }) => slot);
};
const take = async (): Promise<SyncRecord | undefined> => (await catalog.syncs.take('reader', 1, 1, 60))[0];

test('slots of a source that takes longer than its schedule do not queue up: the newest takes the place of the one that waits', async () => {
  await enqueue(catalog, [connector], at(0));
  const reading = (await take()) as SyncRecord;
  const [first] = await enqueue(catalog, [connector], at(1));
  for (const minute of [2, 3, 4]) await enqueue(catalog, [connector], at(minute));
  expect(await queued()).toEqual([at(4)]);
  const newest = (await catalog.syncs.list({ connector: connector.name, state: 'queued', limit: 1, offset: 0 }))[0];
  expect(newest?.queuedAt).toEqual(first?.queuedAt);
  const ended = await catalog.syncs.get(first?.id ?? '');
  expect(ended).toMatchObject({ state: 'superseded', reason: { code: 'sync.replaced' }, endedAt: expect.any(Date) });
  // Catching up finds none of them missed, and a slot that is claimed again stays what it became.
  expect((await catalog.connectors.lastSlots()).get(connector.id)).toEqual(new Date(at(4)));
  expect((await enqueue(catalog, [connector], at(1))).map(({ state }) => state)).toEqual(['superseded']);
  expect(await queued()).toEqual([at(4)]);
  await catalog.syncs.finish('reader', [result(reading, 'unchanged')]);
  expect((await take())?.slot).toBe(at(4));
});

test('what somebody asked for, what is tried again and what was pushed stays, and waits for one slot at most', async () => {
  await enqueue(catalog, [connector], at(0));
  await enqueue(catalog, [connector], at(1));
  const asked = ['request:now', 'retry:1', 'push:3'];
  for (const slot of asked) await enqueue(catalog, [connector], slot);
  for (const minute of [2, 3, 4]) await enqueue(catalog, [connector], at(minute));
  expect(await queued()).toEqual([...asked, at(4)]);
});

test('a slot that a process began to read keeps its place, and what counts against it', async () => {
  await enqueue(catalog, [connector], at(0));
  await catalog.syncs.take('crashed', 1, 1, -1);
  expect((await catalog.syncs.recoverExpired(3)).requeued).toHaveLength(1);
  for (const minute of [1, 2]) await enqueue(catalog, [connector], at(minute));
  expect(await queued()).toEqual([at(0), at(2)]);
});

test('one slot is left and one is read, however many replicas claim and take at once', async () => {
  await Promise.all(
    Array.from({ length: 8 }, async (_, replica) => {
      for (let minute = 0; minute < 10; minute++) {
        await enqueue(catalog, [connector], at(minute));
        if (replica % 4 === 0) await take();
      }
    }),
  );
  const all = await catalog.syncs.list({ connector: connector.name, limit: 100, offset: 0 });
  expect(all).toHaveLength(10);
  const open = all.filter(({ state }) => state !== 'superseded').map(({ state }) => state);
  expect(open.filter((state) => state === 'reading')).toHaveLength(1);
  expect(open.filter((state) => state === 'queued').length).toBeLessThanOrEqual(1);
});
