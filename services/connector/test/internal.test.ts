import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { encodePrincipal, PRINCIPAL_HEADER } from '@songhua/contracts';
import { createWorld, OPERATOR, type Replica, TOKEN, type World } from './world.js';

let world: World;
let replica: Replica;
beforeAll(async () => {
  world = await createWorld();
  replica = await world.replica();
}, 60_000);
afterAll(() => world.close());

const principal = { [PRINCIPAL_HEADER]: encodePrincipal(OPERATOR) };
const ask = async (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<number> =>
  (await fetch(`${replica.url}${path}`, { method, headers })).status;

test('without the internal token only health and metrics are answered', async () => {
  for (const path of ['/healthz', '/readyz', '/metrics']) expect([path, await ask(path)]).toEqual([path, 200]);
  for (const [method, path] of [
    ['GET', '/connectors:kinds'],
    ['POST', '/connectors:apply'],
    ['POST', '/connectors:preview'],
    ['POST', '/syncs'],
    ['DELETE', '/connectors/x'],
    ['GET', '/nowhere'],
    ['GET', '/healthz/../connectors:kinds'],
    ['GET', '/%68ealthz/..'],
  ] as const) {
    for (const headers of [
      {},
      principal,
      { authorization: 'Bearer ' },
      { authorization: `Bearer ${TOKEN}x` },
      { authorization: TOKEN },
    ])
      expect([method, path, await ask(path, headers as Record<string, string>, method)]).toEqual([method, path, 401]);
  }
});

test('with the token, a call is made for somebody who is named', async () => {
  const authorization = `Bearer ${TOKEN}`;
  expect(await ask('/connectors:kinds', { authorization, ...principal })).toBe(200);
  expect(await ask('/connectors:kinds', { authorization })).toBe(500);
  expect(await ask('/connectors:kinds', { authorization, [PRINCIPAL_HEADER]: 'operator' })).toBe(500);
});
