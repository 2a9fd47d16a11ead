import type { SourceColumn } from '@songhua/contracts';
import { cellName, list, literal } from '../sql.js';

/** Rows as a reader left them. */
export interface Landed {
  /** Local files of canonical CSV, in order. */
  parts: string[];
  columns: SourceColumn[];
  /** Rows in `parts`. */
  rows: number;
  /** `gzip`: as landed, without a header. `plain`: one header line, not packed. */
  form?: 'gzip' | 'plain';
  /** Whether several threads may read one file; from `WIDE_ROWS` on when absent. */
  parallel?: boolean;
}

/** From here on a second thread saves more time than small jobs waiting beside it would. */
export const WIDE_ROWS = 500_000;

// Batches hold whole rows of at most 512 KiB, so no row is longer; the rest is slack.
const MAX_LINE_BYTES = 1024 * 1024;
const BUFFER_BYTES = 4 * MAX_LINE_BYTES;

/** The first cell of rows that say what they do; the cells of a row are `c0…`, so this is none of them. */
export const OPERATION = '_op';

/**
 * The landed rows as a relation of VARCHAR cells `c0…`, in order. An empty cell, quoted or not, is NULL, and nothing else is.
 * Everything is told and nothing sniffed: sniffing costs 52 ms a file and guesses. A row with another number of cells is an error.
 */
export function landedRows(landed: Landed, bufferBytes = BUFFER_BYTES): string {
  const { parts, columns, form = 'gzip', rows, parallel = form === 'gzip' && rows >= WIDE_ROWS } = landed;
  const names = columns.map((_, i) => `${literal(cellName(i))}: 'VARCHAR'`).join(', ');
  if (parts.length === 0) {
    const none = columns.map((_, i) => `NULL::VARCHAR AS ${cellName(i)}`).join(', ');
    return `(SELECT ${none} LIMIT 0)`;
  }
  const packing = form === 'gzip' ? `compression = 'gzip'` : `compression = 'none', skip = 1`;
  return `read_csv(${list(parts)}, columns = {${names}}, auto_detect = false, header = false, delim = ',', quote = '"',
    escape = '"', new_line = '\\n', nullstr = '', allow_quoted_nulls = true, ${packing}, strict_mode = true,
    null_padding = false, ignore_errors = false, max_line_size = ${MAX_LINE_BYTES}, buffer_size = ${bufferBytes}, parallel = ${parallel})`;
}

/** As `landedRows`, for a query that stops after few rows: unpacks no more than it must. */
export const firstRows = (landed: Landed): string => landedRows(landed, MAX_LINE_BYTES);

/** `relation` with the 0-based position of each row as `_row`. Costs one thread, so only where positions are needed. */
export const numbered = (relation: string): string => `(SELECT *, row_number() OVER () - 1 AS _row FROM ${relation})`;
