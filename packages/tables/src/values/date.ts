import { plain } from './blank.js';
import type { Sql, ValueRule } from './types.js';

// One separator throughout; 2017-7/1 is a mistake.
const SEPARATED =
  '([0-9]{4})(?:-([0-9]{1,2})-([0-9]{1,2})|/([0-9]{1,2})/([0-9]{1,2})|[.]([0-9]{1,2})[.]([0-9]{1,2})|年([0-9]{1,2})月([0-9]{1,2})日)';
// Eight digits are a date only in the years that public records speak of.
const COMPACT = '(?:19|20)[0-9]{6}';

/** A date written with separators; NULL when `cell` is none. */
export function separatedDate(cell: Sql): Sql {
  const text = plain(cell);
  const value = `TRY_CAST(${cell} AS DATE)`;
  return `CASE WHEN strlen(${cell}) = 10 AND CAST(${value} AS VARCHAR) = replace(${cell}, '/', '-') THEN ${value}
    WHEN ${cell} IS NULL THEN NULL
    WHEN regexp_full_match(${text}, '${SEPARATED}')
      THEN TRY_CAST(regexp_replace(${text}, '^${SEPARATED}$', '\\1-\\2\\4\\6\\8-\\3\\5\\7\\9') AS DATE) END`;
}

/** A date written as eight digits; NULL when `cell` is none. */
export function compactDate(cell: Sql): Sql {
  const text = plain(cell);
  return `CASE WHEN regexp_full_match(${text}, '${COMPACT}')
    THEN TRY_CAST(${text}[1:4] || '-' || ${text}[5:6] || '-' || ${text}[7:8] AS DATE) END`;
}

/** 2017-07-01, 2017/7/1, 2017.7.1, 2017年7月1日 and, once a column is known to hold dates, 20170701. */
export const dateRule: ValueRule = {
  sqlType: () => 'DATE',
  parse: (cell) => `COALESCE(${separatedDate(cell)}, ${compactDate(cell)})`,
  parsePlain: (cell) => {
    const value = `TRY_CAST(${cell} AS DATE)`;
    return `CASE WHEN strlen(${cell}) = 10 AND CAST(${value} AS VARCHAR) = ${cell} THEN ${value} END`;
  },
  canonical: (value) => `CAST(${value} AS VARCHAR)`,
  text: (value) => `CAST(${value} AS VARCHAR)`,
};
