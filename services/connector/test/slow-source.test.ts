import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createWorld, type World } from './world.js';

let world: World;
let server: Server;
beforeAll(async () => {
  server = createServer((_request, response) => {
    setTimeout(() => response.writeHead(200, { 'content-type': 'text/csv' }).end('id\n1\n'), 3_000);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  world = await createWorld();
}, 60_000);
afterAll(async () => {
  await world.close();
  server.close();
}, 60_000);

test('slots of a source that takes longer than its schedule do not queue up, and "run now" is next', async () => {
  const replica = await world.replica();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.csv`;
  const schedule = { cron: '* * * * * *', timezone: 'Asia/Shanghai' };
  await world.register(replica, { slow: { kind: 'http', config: { url }, schedule } });
  await delay(6_000);
  const listed = (state: 'queued' | 'superseded') =>
    world.catalog.syncs.list({ connector: 'slow', state, limit: 100, offset: 0 });
  expect((await listed('queued')).length).toBeLessThanOrEqual(2);
  expect((await listed('superseded')).length).toBeGreaterThan(0);
  const [asked = ''] = await replica.syncNow('slow');
  expect(['delivered', 'unchanged']).toContain((await world.ended(asked)).state);
  await replica.call('/connectors/slow/pause', {});
  await replica.stop();
}, 60_000);
