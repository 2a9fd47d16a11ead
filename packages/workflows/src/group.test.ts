import { describe, expect, test } from '@jest/globals';
import type { LaneReference } from '@songhua/contracts/refresh';
import fc from 'fast-check';
import { takeGroup } from './group.js';

const sync = (datasetId: string, sequence: number, bytes: number): LaneReference => ({
  datasetId,
  sync: `sy_${sequence}`,
  attempt: 1,
  bytes,
});
const backlog = fc
  .array(
    fc.record({
      dataset: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      bytes: fc.constantFrom(1, 1_000, 3_000_000, 4_000_000, 90_000_000),
    }),
    { maxLength: 60 },
  )
  .map((items) => items.map((item, i) => sync(item.dataset, i, item.bytes)));

describe('taking a group', () => {
  test('never takes two syncs of one dataset, nor one of a busy dataset', () => {
    fc.assert(
      fc.property(backlog, fc.subarray(['a', 'b', 'c']), (pending, busy) => {
        const datasets = takeGroup(pending, new Set(busy)).map((s) => s.datasetId);
        expect(new Set(datasets).size).toBe(datasets.length);
        for (const dataset of datasets) expect(busy).not.toContain(dataset);
      }),
    );
  });

  test('takes the syncs of a dataset in order of arrival, and every one in the end', () => {
    fc.assert(
      fc.property(backlog, (all) => {
        const pending = [...all];
        const taken: LaneReference[] = [];
        for (let group = takeGroup(pending, new Set()); group.length > 0; group = takeGroup(pending, new Set()))
          taken.push(...group);
        expect(pending).toEqual([]);
        for (const dataset of ['a', 'b', 'c', 'd', 'e']) {
          const of = (list: LaneReference[]) => list.filter((s) => s.datasetId === dataset).map((s) => s.sync);
          expect(of(taken)).toEqual(of(all));
        }
      }),
    );
  });

  test('gives what is to be alone an activity of its own, and takes everything in the end', () => {
    fc.assert(
      fc.property(backlog, fc.nat(4), (pending, poison) => {
        const alone = (one: LaneReference): boolean => Number(one.sync.slice(3)) % 5 === poison;
        const left = [...pending];
        for (let group = takeGroup(left, new Set(), alone); group.length > 0; group = takeGroup(left, new Set(), alone))
          expect(group.length === 1 || !group.some(alone)).toBe(true);
        expect(left).toEqual([]);
      }),
    );
  });

  test('puts a large sync alone and keeps a group within 16 syncs and 8 MiB', () => {
    fc.assert(
      fc.property(backlog, (pending) => {
        const group = takeGroup([...pending], new Set());
        if (group.length < 2) return;
        expect(group.length).toBeLessThanOrEqual(16);
        expect(group.every((s) => s.bytes <= 4 * 1024 * 1024)).toBe(true);
        expect(group.reduce((sum, s) => sum + s.bytes, 0)).toBeLessThanOrEqual(8 * 1024 * 1024);
      }),
    );
  });
});
