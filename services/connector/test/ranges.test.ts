import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { SyncAccepted } from '@songhua/contracts';
import { createWorld, type World } from './world.js';

let world: World;
beforeAll(async () => {
  world = await createWorld();
}, 60_000);
afterAll(() => world?.close(), 60_000);

test('a range is refused for a kind that has no cursor values, before its source is read', async () => {
  const replica = await world.replica();
  await world.register(replica, { rangeless: { mode: 'append' } });
  const { body } = await replica.call<SyncAccepted>('/syncs', { connectors: ['rangeless'], range: { from: '5' } });
  expect(await world.ended(body.syncs[0]?.sync ?? '')).toMatchObject({
    state: 'failed',
    range: { from: '5' },
    reason: { code: 'connector.config-invalid', actor: 'department' },
  });
});
