import { SonghuaError } from './errors.js';

/** What became of every row that a sync read (I4). All counts are rows. */
export interface RowCounts {
  read: number;
  published: number;
  unchanged: number;
  deduplicated: number;
  deleted: number;
  withheld: number;
  rejected: number;
}

/** Rows that `counts` does not account for; 0 when I4 holds. */
export function unaccounted(counts: RowCounts): number {
  const { read, published, unchanged, deduplicated, deleted, withheld, rejected } = counts;
  return read - (published + unchanged + deduplicated + deleted + withheld + rejected);
}

/** Throws `rows.unreconciled` unless every row read is accounted for. */
export function assertReconciled(counts: RowCounts): void {
  const missing = unaccounted(counts);
  if (missing === 0) return;
  throw new SonghuaError(
    'rows.unreconciled',
    `${missing} of ${counts.read} rows are unaccounted for (${JSON.stringify(counts)}); the version was not published, report this as a defect`,
  );
}
