import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { SYNC_COMPLETED } from '@songhua/contracts';
import { syncId } from '@songhua/domain';
import { newTraceparent } from '@songhua/runtime';
import { completedOf, createWorld, type Replica, type World, waitFor } from './world.js';

const CSV = 'id,name\n1,a\n2,b\n';
let world: World;
let server: Server;
let url: string;
/** Requests that the server has not answered yet. */
let asked: ServerResponse[] = [];

beforeAll(async () => {
  world = await createWorld();
  server = createServer((_request, response) => {
    asked.push(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.csv`;
}, 60_000);
afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  await world?.close();
}, 60_000);
beforeEach(() => {
  asked = [];
});

const answer = (response: ServerResponse | undefined): void => void response?.end(CSV);
const firstRequest = (): Promise<ServerResponse> => waitFor(() => asked.shift());
const connectorOf = async (name: string) => {
  const connector = await world.catalog.connectors.get(name);
  if (!connector) throw new Error(`${name} was not applied`);
  return connector;
};
const claim = async (name: string, slot: string): Promise<void> => {
  const connector = await connectorOf(name);
  await world.catalog.syncs.enqueue([{ connector, slot, full: false, traceparent: newTraceparent() }]);
};
/** Registers without leaving a replica behind. */
const prepare = async (connectors: Parameters<World['register']>[1]): Promise<void> => {
  const replica = await world.replica();
  await world.register(replica, connectors);
  await replica.stop();
};

test('two replicas run each slot of a schedule once, and none is left out', async () => {
  const names = ['every-a', 'every-b', 'every-c'];
  for (const name of names) await world.write(`${name}.csv`, CSV);
  const replicas = [await world.replica(), await world.replica()];
  const schedule = { cron: '*/2 * * * * *', timezone: 'Asia/Shanghai' };
  await world.register(replicas[0] as Replica, Object.fromEntries(names.map((name) => [name, { schedule }])));

  const ofConnector = (connector: string) => world.catalog.syncs.list({ connector, limit: 100, offset: 0 });
  for (const name of names) await waitFor(async () => (await ofConnector(name)).length >= 4 || undefined);
  for (const name of names) await (replicas[1] as Replica).call(`/connectors/${name}/pause`, {});
  const all = (await Promise.all(names.map(ofConnector))).flat();
  await Promise.all(all.map((sync) => world.ended(sync.id)));
  for (const replica of replicas) await replica.stop();

  for (const name of names) {
    const slots = (await ofConnector(name)).map((sync) => Date.parse(sync.slot)).sort((a, b) => a - b);
    expect(new Set(slots).size).toBe(slots.length);
    slots.forEach((slot, index) => {
      expect(slot).toBe((slots[0] ?? 0) + index * 2000);
    });
  }
  const closings = world.received.filter(({ envelope }) => envelope.schema === SYNC_COMPLETED);
  const delivered = all.filter((sync) => closings.some(({ envelope }) => envelope.sync === sync.id));
  expect(delivered).toHaveLength(all.length);
  expect(closings).toHaveLength(new Set(closings.map(({ envelope }) => envelope.sync)).size);
}, 60_000);

const DAY_MS = 86_400_000;
const DAILY = { cron: '0 3 * * *', timezone: 'Asia/Shanghai' };
/** The last slot of `DAILY`. */
const lastOfDaily = (): number => Math.floor((Date.now() + 5 * 3_600_000) / DAY_MS) * DAY_MS - 5 * 3_600_000;

test('the last slot that passed while no replica ran is caught up, once, and not the ones before it', async () => {
  await world.write('late.csv', CSV);
  await prepare({ late: { schedule: DAILY } });
  const latest = lastOfDaily();
  const old = new Date(latest - 3 * DAY_MS).toISOString();
  await claim('late', old);
  await world.since('late', new Date(latest - 4 * DAY_MS));

  const replicas = [await world.replica(), await world.replica()];
  const missed = syncId('late', new Date(latest).toISOString());
  await waitFor(() => world.catalog.syncs.get(missed));
  await world.ended(missed);
  for (const replica of replicas) await replica.stop();
  const slots = (await world.catalog.syncs.list({ connector: 'late', limit: 10, offset: 0 })).map((sync) => sync.slot);
  expect(slots.sort()).toEqual([old, new Date(latest).toISOString()]);
}, 30_000);

test('a first slot is caught up like any other, and none from before the connector or its schedule was there', async () => {
  const names = ['first', 'younger', 'moved', 'moved-later'];
  for (const name of names) await world.write(`${name}.csv`, CSV);
  const other = { cron: '0 1 * * *', timezone: 'Asia/Shanghai' };
  await prepare({
    first: { schedule: DAILY },
    younger: { schedule: DAILY },
    moved: { schedule: other },
    'moved-later': { schedule: other },
  });
  const slot = lastOfDaily();
  for (const name of ['moved', 'moved-later']) {
    await claim(name, new Date(slot - 3 * DAY_MS).toISOString());
    const { spec } = await connectorOf(name);
    const resource = { apiVersion: 'songhua/v1', kind: 'Connector', metadata: { name } } as const;
    await world.catalog.connectors.apply([{ ...resource, spec: { ...spec, schedule: DAILY } }], {
      name: 'test',
      mayApprove: true,
    });
  }
  for (const name of ['first', 'moved']) await world.since(name, new Date(slot));
  for (const name of ['younger', 'moved-later']) await world.since(name, new Date(slot + 1));

  const replica = await world.replica();
  const of = (name: string): string => syncId(name, new Date(slot).toISOString());
  for (const name of ['first', 'moved']) await waitFor(() => world.catalog.syncs.get(of(name)));
  await replica.stop();
  // One call claims whatever is caught up.
  for (const name of ['younger', 'moved-later']) expect(await world.catalog.syncs.get(of(name))).toBeUndefined();
}, 30_000);

test('a sync of a crashed replica is read by another one, as a higher attempt', async () => {
  await world.write('orphan.csv', CSV);
  await prepare({ orphan: {} });
  await claim('orphan', 'request:crash');
  const [taken] = await world.catalog.syncs.take('crashed', 1, 1, 1);
  expect(taken).toMatchObject({ connector: 'orphan', attempt: 1 });

  const replica = await world.replica();
  const sync = taken?.id ?? '';
  const { messages } = await completedOf(world, sync);
  expect(messages[0]?.envelope.attempt).toBeGreaterThan(3);
  expect(await world.ended(sync)).toMatchObject({ state: 'delivered', attempt: 2 });
  await replica.stop();
}, 30_000);

test('a replica that lost its lease stops reading and sends no closing event', async () => {
  await prepare({ stolen: { kind: 'http', config: { url } } });
  const slow = await world.replica({ SONGHUA_SYNC_CONCURRENCY: '1' });
  const [sync = ''] = await slow.syncNow('stolen');
  const first = await firstRequest();
  const { owner } = (await world.catalog.syncs.get(sync)) ?? {};
  await world.catalog.syncs.renew(owner ?? '', [{ id: sync, begun: true, rows: 0, bytes: 0 }], 0);
  expect(await world.catalog.syncs.recoverExpired(3)).toMatchObject({ requeued: [sync] });
  const other = await world.replica();
  const second = await firstRequest();
  await waitFor(() => first.closed || undefined);
  answer(second);

  const { messages } = await completedOf(world, sync);
  expect(messages[0]?.envelope.attempt).toBeGreaterThan(3);
  expect(await world.ended(sync)).toMatchObject({ state: 'delivered', attempt: 2 });
  const closings = world.received.filter(
    ({ envelope }) => envelope.sync === sync && envelope.schema === SYNC_COMPLETED,
  );
  expect(closings).toHaveLength(1);
  await slow.stop();
  await other.stop();
}, 40_000);

test('a stopping replica ends what it can and gives back the rest at once', async () => {
  await prepare({ ending: { kind: 'http', config: { url } }, waiting: { kind: 'http', config: { url } } });
  const stopping = await world.replica({ SONGHUA_SYNC_CONCURRENCY: '1' });
  const [ending = ''] = await stopping.syncNow('ending');
  const current = await firstRequest();
  const [waiting = ''] = await stopping.syncNow('waiting');
  const stopped = stopping.stop();
  answer(current);
  await stopped;
  expect(await world.catalog.syncs.get(ending)).toMatchObject({ state: 'delivered' });

  const next = await world.replica();
  answer(await firstRequest());
  expect(await world.ended(waiting)).toMatchObject({ state: 'delivered' });
  await next.stop();
}, 40_000);

test('a sync asked for starts within 50 ms on an idle replica', async () => {
  await prepare({ quick: { kind: 'http', config: { url } } });
  const replica = await world.replica();
  const waits: number[] = [];
  for (let turn = 0; turn < 5; turn++) {
    const [sync = ''] = await replica.syncNow('quick');
    answer(await firstRequest());
    const { queuedAt, startedAt } = await world.ended(sync);
    waits.push((startedAt?.getTime() ?? Number.POSITIVE_INFINITY) - queuedAt.getTime());
  }
  await replica.stop();
  expect(Math.min(...waits)).toBeLessThan(50);
}, 30_000);
