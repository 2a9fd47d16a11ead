import type { Session } from '../engine.js';
import { cellName, list } from '../sql.js';
import { BLANK_TOKENS, plain } from '../values/blank.js';
import { FALSE_WORDS, TRUE_WORDS } from '../values/boolean.js';
import { compactDate, separatedDate } from '../values/date.js';
import { ANY_DECIMAL, MAX_PRECISION } from '../values/decimal.js';
import { RULES } from '../values/rules.js';

/**
 * What a cell that is not blank looks like; each cell has exactly one class. `identifier`: digits that are no quantity (leading
 * zeros, 15 digits or more). `compact`: eight digits that are a date. `flag`: Y or N.
 */
export type CellClass =
  | 'identifier'
  | 'compact'
  | 'integer'
  | 'decimal'
  | 'date'
  | 'datetime'
  | 'time'
  | 'boolean'
  | 'flag'
  | 'string';

/** Cells of one column by class, with the longest digit runs of its numbers and how many different flags it has. */
export interface ClassCounts {
  cells: Partial<Record<CellClass, number>>;
  whole: number;
  scale: number;
  flags: number;
}

// Card, account and credit-code numbers start at 15 digits; a quantity that long is not seen in public registers.
const IDENTIFIER_DIGITS = 15;
const INTEGER = '[+-]?(?:[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+)';
// 3:15 may be a score or a ratio; two-digit hours or seconds make it a time.
const CLEAR_TIME = '(?:[0-9]{2}:[0-9]{2}|[0-9]{1,2}:[0-9]{2}:[0-9.]+)';

const FLAGS = ['y', 'n'];
const WORDS = [...TRUE_WORDS, ...FALSE_WORDS].filter((word) => !FLAGS.includes(word));

const CLASS_OF_TEXT = `CASE
  WHEN list_contains(${list(BLANK_TOKENS)}, t) THEN NULL
  WHEN regexp_full_match(t, '${INTEGER}') THEN CASE
    WHEN regexp_matches(t, '^[+-]?0[0-9]') OR strlen(regexp_replace(t, '[+,-]', '', 'g')) >= ${IDENTIFIER_DIGITS} THEN 'identifier'
    WHEN ${compactDate('t')} IS NOT NULL THEN 'compact'
    ELSE 'integer' END
  WHEN regexp_full_match(t, '${ANY_DECIMAL}') THEN
    CASE WHEN strlen(t) <= ${MAX_PRECISION} THEN 'decimal' ELSE 'string' END
  WHEN NOT regexp_matches(t, '^[0-9]') THEN CASE
    WHEN list_contains(${list(FLAGS)}, lower(t)) THEN 'flag'
    WHEN list_contains(${list(WORDS)}, lower(t)) THEN 'boolean'
    ELSE 'string' END
  WHEN ${separatedDate('t')} IS NOT NULL THEN 'date'
  WHEN ${RULES.datetime.parse('t', { type: 'datetime' })} IS NOT NULL THEN 'datetime'
  WHEN regexp_full_match(t, '${CLEAR_TIME}') AND ${RULES.time.parse('t', { type: 'time' })} IS NOT NULL THEN 'time'
  ELSE 'string' END`;

/** Classifies every cell of the given source columns of `relation`; a column without a cell that is not blank has no counts. */
export async function classify(
  session: Session,
  relation: string,
  columns: readonly number[],
): Promise<Map<number, ClassCounts>> {
  const found = new Map<number, ClassCounts>(
    columns.map((column) => [column, { cells: {}, whole: 0, scale: 0, flags: 0 }]),
  );
  if (columns.length === 0) return found;
  // One list a row keeps the statement the same size for 3 columns and for 3,000.
  const rows = await session.all(`
    WITH cells AS (
      SELECT unnest([${columns.join(', ')}]) AS col, unnest([${columns.map(cellName).join(', ')}]) AS cell FROM ${relation}
    ), texts AS (SELECT col, ${plain('cell')} AS t FROM cells WHERE cell IS NOT NULL),
    classes AS (SELECT col, t, ${CLASS_OF_TEXT} AS class FROM texts)
    SELECT col, class, count(*) AS n,
      max(CASE WHEN class IN ('integer', 'compact', 'decimal')
        THEN strlen(regexp_replace(split_part(t, '.', 1), '[+,-]', '', 'g')) ELSE 0 END) AS whole,
      max(CASE WHEN class = 'decimal' THEN strlen(split_part(t, '.', 2)) ELSE 0 END) AS scale,
      count(DISTINCT CASE WHEN class = 'flag' THEN lower(t) END) AS flags
    FROM classes WHERE class IS NOT NULL GROUP BY col, class`);
  for (const row of rows) {
    const counts = found.get(Number(row.col));
    if (!counts) continue;
    counts.cells[row.class as CellClass] = Number(row.n);
    counts.whole = Math.max(counts.whole, Number(row.whole));
    counts.scale = Math.max(counts.scale, Number(row.scale));
    counts.flags = Math.max(counts.flags, Number(row.flags));
  }
  return found;
}
