import { list } from '../sql.js';
import type { Sql } from './types.js';

/**
 * Cells that say "no value" in a column that is not text. Departments write all of these. In a text column only the empty cell is
 * NULL, because 无 or - can be what the register really says, and text stays byte for byte.
 */
export const BLANK_TOKENS = [
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

/** Whether a cell has no value. */
export const isBlank = (cell: Sql): Sql => `(${cell} IS NULL OR list_contains(${list(BLANK_TOKENS)}, ${plain(cell)}))`;
