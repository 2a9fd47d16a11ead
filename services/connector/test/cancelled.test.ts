import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createWorld, type World, waitFor } from './world.js';

const DRIP_MS = 20;
let world: World;
let server: Server;
let rows = 0;
let left = 0;
beforeAll(async () => {
  world = await createWorld();
  server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/csv' }).write('id\n');
    const drip = setInterval(() => response.write(`${++rows}\n`), DRIP_MS);
    response.once('close', () => {
      clearInterval(drip);
      left++;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await world.close();
});

test('a source that drips without end is left when its sync is cancelled, and the connector reads on with its next sync', async () => {
  const replica = await world.replica({ SONGHUA_SYNC_LEASE_SECONDS: '3' });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  await world.register(replica, { dripping: { kind: 'http', config: { url } } });
  const [sync = ''] = await replica.syncNow('dripping');
  await waitFor(async () => rows > 5 || undefined);
  const decision = { reason: '换一个时间 another time', by: 'key:1', actor: 'operator' } as const;
  expect(await world.catalog.syncs.cancel(sync, decision)).toMatchObject({ state: 'failed' });
  await waitFor(async () => left === 1 || undefined);

  const [next = ''] = await replica.syncNow('dripping');
  await waitFor(async () => (await world.catalog.syncs.get(next))?.state === 'reading' || undefined);
  await world.catalog.syncs.cancel(next, decision);
  await waitFor(async () => left === 2 || undefined);
  expect(await world.catalog.syncs.get(sync)).toMatchObject({ state: 'failed', reason: { code: 'sync.cancelled' } });
  expect(world.received.filter(({ envelope }) => [sync, next].includes(envelope.sync))).toEqual([]);
  await replica.stop();
});
