import { list } from '../sql.js';
import { plain } from './blank.js';
import type { Sql, ValueRule } from './types.js';

export const TRUE_WORDS = ['是', 'true', 'yes', 'y'] as const;
export const FALSE_WORDS = ['否', 'false', 'no', 'n'] as const;

function parse(cell: Sql): Sql {
  const word = `lower(${plain(cell)})`;
  return `CASE WHEN list_contains(${list(TRUE_WORDS)}, ${word}) THEN true
    WHEN list_contains(${list(FALSE_WORDS)}, ${word}) THEN false END`;
}

/** 是/否, true/false, yes/no and Y/N in any case; 1/0 stay integers. */
export const booleanRule: ValueRule = {
  sqlType: () => 'BOOLEAN',
  parse,
  canonical: (value) => `CAST(${value} AS VARCHAR)`,
  text: (value) => `CAST(${value} AS VARCHAR)`,
};
