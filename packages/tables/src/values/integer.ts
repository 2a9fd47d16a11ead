import { plain } from './blank.js';
import type { Sql, ValueRule } from './types.js';

// Grouped by thousands, or plain without leading zeros: 007 is an identifier.
const WHOLE = '[+-]?(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)';

function parse(cell: Sql): Sql {
  const value = `TRY_CAST(${cell} AS BIGINT)`;
  const text = plain(cell);
  // The round trip refuses what the cast alone would take: 1.5, 1e3, 0x10, 1_000.
  return `CASE WHEN CAST(${value} AS VARCHAR) = ${cell} THEN ${value}
    WHEN ${cell} IS NULL THEN NULL
    WHEN regexp_full_match(${text}, '${WHOLE}') THEN TRY_CAST(replace(${text}, ',', '') AS BIGINT) END`;
}

/** Whole numbers of 64 bits. 1,234 and ＋１２ are read; 3万 is no number, because reading it would change it. */
export const integerRule: ValueRule = {
  sqlType: () => 'BIGINT',
  parse,
  parsePlain: (cell) =>
    `CASE WHEN CAST(TRY_CAST(${cell} AS BIGINT) AS VARCHAR) = ${cell} THEN TRY_CAST(${cell} AS BIGINT) END`,
  canonical: (value) => `CAST(${value} AS VARCHAR)`,
  text: (value) => `CAST(${value} AS VARCHAR)`,
};
