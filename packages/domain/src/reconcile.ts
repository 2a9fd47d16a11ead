import { SonghuaError } from './errors.js';

/**
 * What became of every row that a sync read (I4). All counts are of rows read, so a row that the source no longer has is in none of
 * them; it is in the version's `changes.removed`.
 */
export interface RowCounts {
  /** Rows of record batches, whatever they say to do, and rows that the reader rejected; of a rollback, rows of the version that it goes back to. */
  read: number;
  /** In the version, where the one before had no row, or another one, in their place. */
  published: number;
  /** In the version just as in the one before. */
  unchanged: number;
  /**
   * Say nothing new. `full`: equal to an earlier row of the read with its key. `append`: that, or already in the version before.
   * `merge`, `cdc` and operations: a later row of the read with their key, or a later truncate, took their place.
   */
  deduplicated: number;
  /** Operations that stand at the end of the read and take rows away: a delete of a key, present or not, and a truncate. */
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
