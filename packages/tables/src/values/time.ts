import { plain } from './blank.js';
import type { ValueRule } from './types.js';

const TIME = '(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6})?)?';

/** Times of day, 8:30 and 08:30:00; 24:00 is refused because no column type can tell it from 00:00. */
export const timeRule: ValueRule = {
  sqlType: () => 'TIME',
  parse: (cell) => `CASE WHEN regexp_full_match(${plain(cell)}, '${TIME}') THEN TRY_CAST(${plain(cell)} AS TIME) END`,
  canonical: (value) => `CAST(${value} AS VARCHAR)`,
  text: (value) => `CAST(${value} AS VARCHAR)`,
};
