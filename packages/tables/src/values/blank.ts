import { list } from '../sql.js';
import type { Sql } from './types.js';

/**
 * Cells that say "no value" in a column that is not text, where a dataset declares no others. Departments write all of these. In a
 * text column only the empty cell is NULL, because 无 or - can be what the register really says, and text stays byte for byte.
 */
export const DEFAULT_BLANKS = [
  '',
  '空',
  '无',
  'N/A',
  'n/a',
  'NA',
  '-',
  '--',
  '—',
  '——',
  '/',
  'NULL',
  'Null',
  'null',
  '#N/A',
] as const;

const FULL_WIDTH = '０１２３４５６７８９．，－＋／：　';
const HALF_WIDTH = '0123456789.,-+/: ';

/** The cell without surrounding blanks and with full-width digits and signs made plain; only for parsing, never stored. */
export const plain = (cell: Sql): Sql => `trim(translate(${cell}, '${FULL_WIDTH}', '${HALF_WIDTH}'), ' \t\r\n')`;

const WIDE = new Map([...FULL_WIDTH].map((char, i) => [char, HALF_WIDTH[i] ?? char]));
const WIDE_CHARS = new RegExp(`[${FULL_WIDTH}]`, 'g');
const NOT_PLAIN = new RegExp(`[${FULL_WIDTH}]|^[ \\t\\r\\n]|[ \\t\\r\\n]$`);

/** What `plain` gives, for a cell already here. */
export const plainText = (cell: string): string => (NOT_PLAIN.test(cell) ? madePlain(cell) : cell);

const madePlain = (cell: string): string =>
  cell.replace(WIDE_CHARS, (char) => WIDE.get(char) ?? char).replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');

/** Cells, in their plain form, that have no value. */
export interface Blanks {
  readonly tokens: ReadonlySet<string>;
  /** Characters of the longest one: longer cells need no look-up. */
  readonly longest: number;
}

const blanks = (tokens: readonly string[]): Blanks => ({
  tokens: new Set(tokens.map(plainText)),
  longest: Math.max(0, ...tokens.map((token) => plainText(token).length)),
});

/** What has no value in a column: as long as it is typed, and when it is text. */
export interface BlankPolicy {
  typed: Blanks;
  text: Blanks;
}

const NO_BLANKS = blanks([]);
const USUAL_BLANKS = blanks(DEFAULT_BLANKS);

/** The policy that a column and its dataset declare. Cells of white space alone have no value in any typed column. */
export function blankPolicy(column?: readonly string[], dataset?: readonly string[]): BlankPolicy {
  const typed = column ?? dataset;
  return {
    typed: typed === undefined ? USUAL_BLANKS : blanks(['', ...typed]),
    text: column === undefined ? NO_BLANKS : blanks(column),
  };
}

/** Whether a blank may read as a value too: the usual ones are none of any type, and text has none unless it is declared. */
export const mayBeValues = (policy: Blanks): boolean => policy !== USUAL_BLANKS && policy.tokens.size > 0;

/** Whether a cell has no value. */
export const isBlank = (cell: Sql, { tokens }: Blanks): Sql =>
  `(${cell} IS NULL OR list_contains(${list([...tokens])}, ${plain(cell)}))`;

/** What `isBlank` says, for a cell already here. */
export const isBlankText = (cell: string, { tokens, longest }: Blanks): boolean => {
  const text = plainText(cell);
  return text.length <= longest && tokens.has(text);
};
