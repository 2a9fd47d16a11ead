import { expect } from '@jest/globals';
import type { LaneReference, RefreshActivities, RefreshRetry } from '@songhua/contracts';
import type { Reason } from '@songhua/domain';
import { ApplicationFailure } from '@temporalio/common';
import { type Lane, landed } from './lane.js';

/** A way through the lane workflow whose history is kept and replayed on every later version of its code. */
export interface Scenario {
  name: string;
  /** Events after which the lane goes on in a new run. */
  historyLimit?: number;
  activities(): RefreshActivities;
  run(lane: Lane): Promise<void>;
}

/** Histories are kept: where the code lay when one was recorded is nobody's business. */
function withoutStack(error: Error): Error {
  error.stack = '';
  return error;
}

const away: Reason = {
  code: 'object.unavailable',
  message: 'the object store is away',
  actor: 'operator',
  retryable: true,
};
const succeeding: RefreshActivities = {
  refreshDatasets: async () => ({ retry: [] }),
  recordFailure: async () => undefined,
};
const isOf = (sync: LaneReference, dataset: string): boolean => sync.datasetId === `ds_${dataset}`;

/** Syncs whose failure was recorded in the scenario that runs. */
const failed = new Set<string>();

export const SCENARIOS: Scenario[] = [
  {
    name: 'one-dataset',
    activities: () => succeeding,
    async run(lane) {
      await lane.signal([landed('a', 1)]);
      await lane.ended();
    },
  },
  {
    name: 'groups-and-a-large-one',
    activities: () => succeeding,
    async run(lane) {
      await lane.signal([...Array.from({ length: 20 }, (_, i) => landed(`d${i}`, 1)), landed('large', 1, 50_000_000)]);
      await lane.signal([landed('d0', 2), landed('d0', 3), landed('large', 2, 50_000_000)]);
      await lane.ended();
    },
  },
  {
    name: 'a-retry-and-a-failure',
    activities() {
      const tries = new Map<string, number>();
      return {
        async refreshDatasets(syncs) {
          const retry: RefreshRetry[] = [];
          for (const sync of syncs) {
            const n = (tries.get(sync.sync) ?? 0) + 1;
            tries.set(sync.sync, n);
            if (isOf(sync, 'slow') && n < 3) retry.push({ sync, reason: away });
          }
          return { retry };
        },
        recordFailure: async () => undefined,
      };
    },
    async run(lane) {
      await lane.signal([landed('slow', 1), landed('quick', 1)]);
      await lane.signal([landed('slow', 2)]);
      await lane.ended();
    },
  },
  {
    name: 'a-worker-that-dies-on-one-dataset',
    activities: () => ({
      async refreshDatasets(syncs) {
        if (syncs.some((sync) => isOf(sync, 'poison'))) throw withoutStack(new Error('the worker is gone'));
        return { retry: [] };
      },
      recordFailure: async () => undefined,
    }),
    async run(lane) {
      await lane.signal([landed('poison', 1), landed('fine', 1)]);
      await lane.ended();
    },
  },
  {
    name: 'a-worker-that-dies-on-one-of-many',
    activities() {
      failed.clear();
      return {
        async refreshDatasets(syncs) {
          if (syncs.some((sync) => isOf(sync, 'poison'))) throw withoutStack(new Error('the worker is gone'));
          return { retry: [] };
        },
        recordFailure: async ({ sync }) => void failed.add(sync),
      };
    },
    async run(lane) {
      const many = Array.from({ length: 15 }, (_, i) => landed(`fine-${i}`, 1));
      await lane.signal([...many.slice(0, 7), landed('poison', 1), ...many.slice(7)]);
      await lane.ended();
      expect([...failed]).toEqual(['sy_poison_1']);
    },
  },
  {
    // Its first run ends while one sync waits to be tried again and others have not begun.
    name: 'one-that-goes-on-in-new-runs',
    historyLimit: 20,
    activities() {
      let tries = 0;
      return {
        async refreshDatasets(syncs) {
          const slow = syncs.filter((sync) => isOf(sync, 'slow') && ++tries < 4);
          return { retry: slow.map((sync) => ({ sync, reason: away })) };
        },
        recordFailure: async () => undefined,
      };
    },
    async run(lane) {
      await lane.signal([landed('slow', 1), ...Array.from({ length: 8 }, (_, i) => landed(`d${i}`, 1, 9_000_000))]);
      await lane.ended();
    },
  },
  {
    name: 'two-that-wait-and-a-third',
    activities() {
      let third = false;
      return {
        async refreshDatasets(syncs) {
          third ||= syncs.some((sync) => isOf(sync, 'third'));
          // Nothing comes of the two before the third is done.
          return { retry: third ? [] : syncs.map((sync) => ({ sync, reason: away })) };
        },
        recordFailure: async () => undefined,
      };
    },
    async run(lane) {
      await lane.signal([...['one', 'two'].map((name) => landed(name, 1, 9_000_000)), landed('third', 1)]);
      await lane.ended();
    },
  },
  {
    name: 'a-failure-that-cannot-be-recorded',
    activities: () => ({
      async refreshDatasets(syncs) {
        if (syncs.some((sync) => isOf(sync, 'gone'))) throw withoutStack(new Error('the worker is gone'));
        return { retry: [] };
      },
      async recordFailure() {
        throw withoutStack(ApplicationFailure.nonRetryable('the catalog does not know it', 'sync.unknown'));
      },
    }),
    async run(lane) {
      await lane.signal([landed('gone', 1), landed('gone', 2), landed('fine', 1)]);
      await lane.ended();
    },
  },
];
