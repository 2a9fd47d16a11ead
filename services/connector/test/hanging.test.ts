import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createWorld, type World } from './world.js';

let world: World;
let server: Server;
const hanging: ServerResponse[] = [];
beforeAll(async () => {
  world = await createWorld();
  server = createServer((_request, response) => {
    hanging.push(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  for (const response of hanging) response.destroy();
  server.close();
  await world.close();
});

test('sources that hang delay no other, not even where one sync is read at a time', async () => {
  const replica = await world.replica({ SONGHUA_SYNC_CONCURRENCY: '1' });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const silent = ['silent-1', 'silent-2', 'silent-3'];
  await world.register(replica, {
    ...Object.fromEntries(silent.map((name) => [name, { kind: 'http', config: { url } }])),
    quick: { config: { path: 'quick.csv' } },
  });
  await world.write('quick.csv', 'a\n1\n');
  const waiting = await replica.syncNow(...silent);
  const [quick = ''] = await replica.syncNow('quick');
  expect(await world.ended(quick)).toMatchObject({ state: 'delivered', rows: 1 });
  const states = await Promise.all(waiting.map(async (id) => (await world.catalog.syncs.get(id))?.state));
  expect(states).toEqual(['reading', 'reading', 'reading']);
  await replica.stop();
});
