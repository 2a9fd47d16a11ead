import { afterEach, expect, test } from '@jest/globals';
import type { ConnectorRecord, ConnectorRepository } from '@songhua/catalog';
import { createLogger } from '@songhua/runtime';
import { createScheduler, type Scheduler } from '../src/scheduler.js';

const HOUR_MS = 3_600_000;
let scheduler: Scheduler;
afterEach(() => scheduler.stop());
const hourly = { cron: '0 * * * *', timezone: 'UTC' };

/** A scheduler of one connector that nothing was claimed for yet, as the catalog has it after each `change`. */
function openScheduler(first: Partial<ConnectorRecord>) {
  let record = { id: 'cn_1', name: 'one', state: 'approved', spec: { schedule: hourly }, ...first } as ConnectorRecord;
  let token = 0;
  const claimed: string[] = [];
  const connectors: Pick<ConnectorRepository, 'changeToken' | 'list' | 'lastSlots'> = {
    changeToken: async () => `${token}`,
    list: async () => [record],
    lastSlots: async () => new Map(),
  };
  scheduler = createScheduler({
    connectors: connectors as ConnectorRepository,
    enqueue: async (slots) => void claimed.push(...slots.map(({ slot }) => slot)),
    logger: createLogger('scheduler-test'),
    jitterMs: 0,
  });
  return {
    claimed,
    async change(change: Partial<ConnectorRecord>) {
      record = { ...record, ...change };
      token++;
      await scheduler.reload();
    },
  };
}

const lastHour = (): string => new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS).toISOString();

test('a change that leaves the schedule as it is takes no missed slot away; a resumed connector begins anew', async () => {
  const { claimed, change } = openScheduler({ changedAt: new Date(Date.now() - 2 * HOUR_MS) });
  await scheduler.reload();
  const now = new Date();
  await change({ changedAt: now, primaryKey: ['id'] });
  await scheduler.catchUp();
  expect(claimed).toEqual([lastHour()]);

  await change({ changedAt: now, state: 'paused' });
  await change({ changedAt: now, state: 'approved' });
  await scheduler.catchUp();
  expect(claimed).toHaveLength(1);
});
