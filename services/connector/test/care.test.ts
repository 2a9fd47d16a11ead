import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Problem, SyncAccepted } from '@songhua/contracts';
import { createWorld, type Replica, type World, waitFor } from './world.js';

let world: World;
let replica: Replica;
let server: Server;
let answer: { status: number; headers: Record<string, string>; body: string };
let asked = 0;
beforeAll(async () => {
  server = createServer((_request, response) => {
    asked++;
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  world = await createWorld();
  replica = await world.replica({ SONGHUA_SUSPEND_AFTER_FAILURES: '3' });
}, 60_000);
afterAll(async () => {
  await world?.close();
  server?.close();
}, 60_000);

const config = () => ({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.csv` });
const everySecond = { cron: '* * * * * *', timezone: 'Asia/Shanghai' };
const connector = async (name: string) => {
  const [found] = await world.catalog.connectors.list({ names: [name] });
  if (!found) throw new Error(`${name} is not registered`);
  return found;
};
const healthOf = async (name: string) => {
  const { id } = await connector(name);
  return (await world.catalog.health.of([id])).get(id);
};
const syncsOf = (name: string) => world.catalog.syncs.list({ connector: name, limit: 50, offset: 0 });

test('a connector that fails for good is suspended with the reason, its owner is told, and resumed it begins anew', async () => {
  await world.register(replica, { gone: {} });
  for (const _ of [1, 2, 3]) {
    const [sync = ''] = await replica.syncNow('gone');
    expect((await world.ended(sync)).reason).toMatchObject({ actor: 'department', retryable: false });
  }
  await waitFor(async () => ((await connector('gone')).state === 'suspended' ? true : undefined));
  expect((await connector('gone')).remark).toContain('source.missing');
  expect((await world.catalog.notices.list({ department: 'education', limit: 10 }))[0]).toMatchObject({
    subject: 'Connector/gone',
    code: 'connector.suspended',
    actor: 'department',
  });

  await world.write('gone.csv', 'id\n1\n');
  expect((await replica.call('/connectors/gone/resume', {})).status).toBe(200);
  const [sync = ''] = await replica.syncNow('gone');
  expect((await world.ended(sync)).state).toBe('delivered');
  expect((await connector('gone')).state).toBe('active');
  expect(await healthOf('gone')).toBeUndefined();
});

test('a source that is away is left alone by its schedule, not by somebody who asks, and is tried again after the wait', async () => {
  answer = { status: 500, headers: {}, body: 'maintenance' };
  await world.register(replica, { away: { kind: 'http', config: config(), schedule: everySecond } });
  await waitFor(async () => (await healthOf('away'))?.nextAttemptAt ?? undefined);
  await waitFor(async () => ((await healthOf('away'))?.skipped ?? 0) > 1 || undefined);
  const health = await healthOf('away');
  expect(health).toMatchObject({ failures: 1, rateLimited: false, reason: { retryable: true } });
  expect((await syncsOf('away')).length).toBe(1);

  const [sync = ''] = await replica.syncNow('away');
  expect((await world.ended(sync)).state).toBe('failed');
  await waitFor(async () => ((await healthOf('away'))?.failures === 2 ? true : undefined));

  answer = { status: 200, headers: { 'content-type': 'text/csv' }, body: 'id\n1\n' };
  const { id } = await connector('away');
  const known = await healthOf('away');
  if (!known) throw new Error('it is not well');
  // As if the wait were over.
  const [latest] = await syncsOf('away');
  await world.catalog.health.record({ id, number: latest?.number ?? 0 }, { ...known, nextAttemptAt: new Date() });
  await waitFor(async () => ((await syncsOf('away')).some(({ state }) => state === 'delivered') ? true : undefined));
  expect((await syncsOf('away')).filter(({ slot }) => slot.startsWith('retry:'))).toHaveLength(1);
});

test('a source that limits how often it is asked is asked once, whoever asks, and no sooner than it said', async () => {
  answer = { status: 429, headers: { 'retry-after': '3600' }, body: '' };
  asked = 0;
  await world.register(replica, { limited: { kind: 'http', config: config() } });
  const [sync = ''] = await replica.syncNow('limited');
  expect((await world.ended(sync)).reason).toMatchObject({ code: 'source.rate-limited' });
  const health = await waitFor(() => healthOf('limited'));
  expect(health).toMatchObject({ rateLimited: true });
  expect((health.nextAttemptAt?.getTime() ?? 0) - Date.now()).toBeGreaterThan(3_500_000);

  const named = await replica.call<Problem>('/syncs', { connectors: ['limited'] });
  expect(named).toMatchObject({ status: 429, body: { code: 'connector.rate-limited' } });
  const all = await replica.call<SyncAccepted>('/syncs', { department: 'education' });
  expect(all.body.skipped).toMatchObject([{ connector: 'limited', code: 'connector.rate-limited' }]);
  expect(asked).toBeLessThanOrEqual(1 + all.body.syncs.length);
});
