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

test('a source that is away is left alone by its schedule, but not by somebody who asks', async () => {
  answer = { status: 500, headers: {}, body: 'maintenance' };
  await world.register(replica, { away: { kind: 'http', config: config(), schedule: everySecond } });
  await waitFor(async () => (await healthOf('away'))?.nextAttemptAt ?? undefined);
  // Slots that were claimed while it was being tried come to their end first.
  const settled = await waitFor(async () => {
    const syncs = await syncsOf('away');
    const health = await healthOf('away');
    const failed = syncs.filter(({ state }) => state === 'failed');
    const over = failed.length + syncs.filter(({ state }) => state === 'superseded').length === syncs.length;
    return over && health?.failures === failed.length ? health : undefined;
  });
  expect(settled).toMatchObject({ rateLimited: false, reason: { retryable: true } });
  await waitFor(async () => ((await healthOf('away'))?.skipped ?? 0) > settled.skipped + 1 || undefined);
  expect((await syncsOf('away')).filter(({ state }) => state === 'failed')).toHaveLength(settled.failures);

  const [sync = ''] = await replica.syncNow('away');
  expect((await world.ended(sync)).state).toBe('failed');
  await waitFor(async () => ((await healthOf('away'))?.failures === settled.failures + 1 ? true : undefined));

  await replica.call('/connectors/away/pause', {});
});

test('a connector whose next slot is far off is tried again when its wait is over', async () => {
  const other = await createWorld();
  try {
    const patient = await other.replica({ SONGHUA_RETRY_AFTER_SECONDS: '1' });
    answer = { status: 500, headers: {}, body: 'maintenance' };
    const yearly = { cron: '0 3 1 1 *', timezone: 'Asia/Shanghai' };
    await other.register(patient, { asleep: { kind: 'http', config: config(), schedule: yearly } });
    const [sync = ''] = await patient.syncNow('asleep');
    expect((await other.ended(sync)).state).toBe('failed');
    answer = { status: 200, headers: { 'content-type': 'text/csv' }, body: 'id\n1\n' };
    const [retried] = await waitFor(async () => {
      const syncs = await other.catalog.syncs.list({ connector: 'asleep', limit: 9, offset: 0 });
      return syncs[0]?.state === 'delivered' ? syncs : undefined;
    });
    expect(retried?.slot).toMatch(/^retry:/);
  } finally {
    await other.close();
  }
});

test('a read of everything that failed because its source was away is tried again as a read of everything', async () => {
  const other = await createWorld();
  try {
    const patient = await other.replica({ SONGHUA_RETRY_AFTER_SECONDS: '1' });
    answer = { status: 500, headers: {}, body: 'maintenance' };
    const yearly = { cron: '0 3 1 1 *', timezone: 'Asia/Shanghai' };
    await other.register(patient, { asleep: { kind: 'http', config: config(), schedule: yearly } });
    const asked = { connectors: ['asleep'], full: true, reset: true };
    const { body } = await patient.call<SyncAccepted>('/syncs', asked);
    expect(await other.ended(body.syncs[0]?.sync ?? '')).toMatchObject({ state: 'failed', full: true, reset: true });
    answer = { status: 200, headers: { 'content-type': 'text/csv' }, body: 'id\n1\n' };
    const [retried] = await waitFor(async () => {
      const syncs = await other.catalog.syncs.list({ connector: 'asleep', limit: 9, offset: 0 });
      return syncs[0]?.state === 'delivered' ? syncs : undefined;
    });
    expect(retried).toMatchObject({ slot: expect.stringMatching(/^retry:/), full: true, reset: true });
  } finally {
    await other.close();
  }
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
