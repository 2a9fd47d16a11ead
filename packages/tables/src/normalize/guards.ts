import { SonghuaError } from '@songhua/domain';
import type { NormalizeInput } from '../types.js';

const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

/** Throws `guard.rejected` when more of what was read is rejected than the dataset allows. */
export function guardRejected(input: NormalizeInput, rejected: number, byCode: Record<string, number>): void {
  const read = input.rows + input.readerRejected;
  const total = rejected + input.readerRejected;
  const { maxRejected, maxRejectedRows = Number.POSITIVE_INFINITY, overrides } = input;
  if (total === 0 || overrides.includes('rejected')) return;
  if (total / read <= maxRejected && total <= maxRejectedRows) return;
  const allowed = total > maxRejectedRows ? String(maxRejectedRows) : percent(maxRejected);
  throw new SonghuaError(
    'guard.rejected',
    `${total} / ${read} 行被拒绝，超过上限 rows were rejected (${percent(total / read)}, at most ${allowed} allowed). Correct the source, or approve the refresh`,
    {
      actor: 'department',
      details: {
        read,
        rejected: total,
        byCode,
        ...(input.maxRejectedRows !== undefined && { maxRejectedRows }),
        maxRejected,
      },
    },
  );
}

/** Throws `guard.empty` or `guard.shrink` when the `rows` that replace the published ones are fewer than the dataset allows. */
export function guardShrink(input: NormalizeInput, rows: number): void {
  const before = input.previous?.rows ?? 0;
  if (before === 0 || input.overrides.includes('shrink')) return;
  const details = { rows, previousRows: before, maxShrink: input.maxShrink };
  if (rows === 0) {
    throw new SonghuaError(
      'guard.empty',
      `来源没有数据行 the source has no rows, the published version has ${before}. A source that fails is not a deletion: check it, or approve the deletion`,
      { actor: 'department', details },
    );
  }
  if (rows >= before * (1 - input.maxShrink)) return;
  throw new SonghuaError(
    'guard.shrink',
    `行数由 ${before} 减至 ${rows} the source shrank by ${percent(1 - rows / before)}, at most ${percent(input.maxShrink)} is allowed. Check it, or approve the refresh`,
    { actor: 'department', details },
  );
}

/** Throws `guard.shrink` when the source deletes more of the published rows than the dataset allows. */
export function guardRemoved(input: NormalizeInput, removed: number): void {
  const before = input.previous?.rows ?? 0;
  if (removed <= before * input.maxShrink || input.overrides.includes('shrink')) return;
  throw new SonghuaError(
    'guard.shrink',
    `来源删除了 ${before} 行中的 ${removed} 行 the source deleted ${removed} of ${before} rows (${percent(removed / before)}), at most ${percent(input.maxShrink)} is allowed. Check it, or approve the refresh`,
    { actor: 'department', details: { removed, previousRows: before, maxShrink: input.maxShrink } },
  );
}
