import { cellName, list, literal } from '../sql.js';

// Batches hold whole rows of at most 512 KiB, so no row is longer; the rest is slack.
const MAX_LINE_BYTES = 1024 * 1024;
const BUFFER_BYTES = 4 * MAX_LINE_BYTES;

/**
 * The landed rows as a relation of VARCHAR cells `c0…`, in order. An empty cell, quoted or not, is NULL, and nothing else is.
 * Everything is told and nothing sniffed: sniffing costs 52 ms a file and guesses. A row with another number of cells is an error.
 */
export function landedRows(parts: readonly string[], columns: number, bufferBytes = BUFFER_BYTES): string {
  const names = Array.from({ length: columns }, (_, i) => `${literal(cellName(i))}: 'VARCHAR'`).join(', ');
  if (parts.length === 0) {
    const none = Array.from({ length: columns }, (_, i) => `NULL::VARCHAR AS ${cellName(i)}`).join(', ');
    return `(SELECT ${none} LIMIT 0)`;
  }
  return `read_csv(${list(parts)}, columns = {${names}}, auto_detect = false, header = false, delim = ',', quote = '"',
    escape = '"', new_line = '\\n', nullstr = '', allow_quoted_nulls = true, compression = 'gzip', strict_mode = true,
    null_padding = false, ignore_errors = false, max_line_size = ${MAX_LINE_BYTES}, buffer_size = ${bufferBytes})`;
}

/** As `landedRows`, for a query that stops after few rows: unpacks no more than it must. */
export const firstRows = (parts: readonly string[], columns: number): string =>
  landedRows(parts, columns, MAX_LINE_BYTES);

/** `relation` with the 0-based position of each row as `_row`. Costs one thread, so only where positions are needed. */
export const numbered = (relation: string): string => `(SELECT *, row_number() OVER () - 1 AS _row FROM ${relation})`;
