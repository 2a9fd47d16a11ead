import type { RejectedGroup } from '@songhua/catalog';
import type { RejectedRow } from '@songhua/contracts';

// More kinds of mistakes than a person reads; the rest are counted by code all the same.
const MOST = 200;

/** Counts rejected rows by code, and by what exactly is wrong. */
export function createTally(): {
  add(row: RejectedRow): void;
  result(): { count: number; byCode: Record<string, number>; groups: RejectedGroup[] };
} {
  const byCode = new Map<string, number>();
  const groups = new Map<string, RejectedGroup>();
  let count = 0;
  return {
    add({ code, field, row, message }) {
      count++;
      byCode.set(code, (byCode.get(code) ?? 0) + 1);
      const key = JSON.stringify([code, field]);
      let group = groups.get(key);
      if (!group) {
        if (groups.size >= MOST) return;
        group = { code, ...(field !== undefined && { field }), count: 0, replayable: 0, message };
        groups.set(key, group);
      }
      group.count++;
      if (row !== undefined) group.replayable++;
    },
    result: () => ({
      count,
      byCode: Object.fromEntries(byCode),
      groups: [...groups.values()].sort((a, b) => b.count - a.count),
    }),
  };
}
