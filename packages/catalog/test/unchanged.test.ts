import { afterAll, beforeEach, expect, test } from '@jest/globals';
import type { Catalog, ConnectorRecord, SyncRecord } from '../src/index.js';
import {
  createWorld,
  deliver,
  enqueue,
  landed,
  manifestKey,
  manifestOf,
  NO_REJECTED,
  publish,
  result,
} from './estate.js';

let catalog: Catalog;
let connector: ConnectorRecord;
const world = createWorld(4);
beforeEach(async () => {
  ({ catalog, connector } = await world.fresh());
});
afterAll(world.end);

test('unchanged confirms no version that was published while it read: the source is read again, and nothing is counted against it', async () => {
  await publish(catalog, connector, 'slot-1', 1, 'a');
  const slow = await deliver(catalog, connector, 'slot-2');
  await catalog.refreshes.begin(landed(slow));
  await enqueue(catalog, [connector], 'slot-3');
  const [read] = (await catalog.syncs.take('a', 1, 1, 60)) as [SyncRecord];
  const second = manifestOf(slow, 2, { content: 'b', previous: { version: 1, content: 'a' } });
  await catalog.refreshes.publish(second, manifestKey(second), NO_REJECTED);
  const confirmed = async () => (await catalog.estate.dataset(connector.dataset, new Date()))?.clocks.checkedAt;
  const before = await confirmed();

  expect(await catalog.syncs.finish('a', [result(read, 'unchanged')])).toEqual([]);
  expect(await confirmed()).toEqual(before);
  const [again] = (await catalog.syncs.take('a', 1, 1, 60)) as [SyncRecord];
  expect([again.id, again.attempt]).toEqual([read.id, 2]);
  expect(await catalog.syncs.finish('a', [result(again, 'unchanged')])).toEqual([read.id]);
  expect(await catalog.syncs.get(read.id)).toMatchObject({ state: 'unchanged' });
});

test('unchanged and a publish beside it agree on who came first', async () => {
  let [served, content] = [1, 'a'];
  await publish(catalog, connector, 'slot-0', 1, content);
  for (let round = 1; round <= 12; round++) {
    const slow = await deliver(catalog, connector, `slot-${round}-a`);
    await catalog.refreshes.begin(landed(slow));
    await enqueue(catalog, [connector], `slot-${round}-b`);
    const [read] = (await catalog.syncs.take('a', 1, 1, 60)) as [SyncRecord];
    const next = manifestOf(slow, served + 1, { content: `b${round}`, previous: { version: served, content } });
    const [published, ended] = await Promise.allSettled([
      catalog.refreshes.publish(next, manifestKey(next), NO_REJECTED),
      catalog.syncs.finish('a', [result(read, 'unchanged')]),
    ]);
    const confirmed = ended.status === 'fulfilled' && ended.value.length === 1;
    expect([published.status, confirmed]).toEqual(confirmed ? ['rejected', true] : ['fulfilled', false]);
    if (published.status === 'fulfilled') {
      [served, content] = [served + 1, `b${round}`];
      const [again] = (await catalog.syncs.take('a', 1, 1, 60)) as [SyncRecord];
      await catalog.syncs.finish('a', [result(again, 'unchanged')]);
    }
  }
});
