import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { ConnectorRepository, SyncRecord, SyncRepository } from '@songhua/catalog';
import { SonghuaError } from '@songhua/domain';
import { createLogger } from '@songhua/runtime';
import { startWatch } from '../src/watch.js';
import { startWorker } from '../src/worker.js';

const logger = createLogger('watch-test');
const away = new SonghuaError('catalog.unavailable', 'away', { retryable: true });

test('after the catalog was away nothing counts as crashed until its readers had the time to say that they live', async () => {
  const calls: number[] = [];
  let outage = true;
  const syncs: Pick<SyncRepository, 'recoverExpired' | 'recoverDelivered'> = {
    async recoverExpired() {
      if (outage) throw away;
      calls.push(Date.now());
      return { requeued: [], failed: [] };
    },
    recoverDelivered: async () => ({ requeued: [], failed: [] }),
  };
  const watch = startWatch(syncs, { landingMinutes: 1, leaseSeconds: 0.6 }, { logger, requeued() {}, everyMs: 20 });
  await delay(100);
  outage = false;
  const back = Date.now();
  await delay(900);
  watch.stop();
  expect(calls.length).toBeGreaterThan(0);
  expect((calls[0] ?? 0) - back).toBeGreaterThan(300);
});

test('a replica whose leases ran out while the catalog was away gives back what it read when it is there again', async () => {
  const sync = { id: 'sy_1', connector: 'c', attempt: 1 } as unknown as SyncRecord;
  const given: string[] = [];
  const queue = [sync];
  let outage = false;
  let aborted = false;
  const syncs: Pick<SyncRepository, 'take' | 'renew' | 'giveBack'> = {
    take: async () => queue.splice(0),
    async renew(_, reads) {
      if (outage) throw away;
      return reads.map(({ id }) => id);
    },
    async giveBack(_, ids) {
      if (outage) throw away;
      given.push(...ids);
    },
  };
  const worker = startWorker({
    owner: 'test',
    syncs,
    connectors: {
      list: async () => [{ id: 'cn_1', name: 'c' }],
      cursors: async () => new Map(),
    } as unknown as ConnectorRepository,
    results: { finish: async () => true },
    run: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(away);
        });
      }),
    ended() {},
    logger,
    concurrency: 1,
    leaseSeconds: 0.3,
  });
  await delay(200);
  outage = true;
  await delay(900);
  expect([aborted, given]).toEqual([true, []]);
  outage = false;
  await delay(300);
  await worker.stop(0);
  expect(given).toEqual(['sy_1']);
});
