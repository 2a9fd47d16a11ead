import { plain } from './blank.js';
import { separatedDate } from './date.js';
import type { Sql, ValueRule } from './types.js';

/**
 * The zone of every time that names none. Departments write Beijing time; a fixed offset keeps 1986–1991 (when China had summer
 * time) as it was written. `Etc/GMT-8` is UTC+08:00: the sign is POSIX's.
 */
export const CITY_ZONE = 'Etc/GMT-8';
export const CITY_OFFSET = '+08:00';

const DATE = '([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})(?:日 ?|T| {1,2})';
const ZONE = ' ?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?';
const TO_SECOND = `${DATE}([0-9]{1,2})[:时点]([0-9]{1,2})[:分]([0-9]{1,2}(?:[.][0-9]{1,6})?)秒?${ZONE}`;
const TO_MINUTE = `${DATE}([0-9]{1,2})[:时点]([0-9]{1,2})分?${ZONE}`;

function parse(cell: Sql): Sql {
  const text = plain(cell);
  const value = `TRY_CAST(${cell} AS TIMESTAMPTZ)`;
  // These lengths are the ISO forms to the second: without zone, with Z, with ±hh:mm.
  return `CASE WHEN strlen(${cell}) IN (19, 20, 25) AND ${value} IS NOT NULL THEN ${value}
    WHEN ${cell} IS NULL THEN NULL
    WHEN regexp_full_match(${text}, '${TO_SECOND}')
      THEN TRY_CAST(regexp_replace(${text}, '^${TO_SECOND}$', '\\1-\\2-\\3 \\4:\\5:\\6\\7') AS TIMESTAMPTZ)
    WHEN regexp_full_match(${text}, '${TO_MINUTE}')
      THEN TRY_CAST(regexp_replace(${text}, '^${TO_MINUTE}$', '\\1-\\2-\\3 \\4:\\5:00\\6') AS TIMESTAMPTZ)
    ELSE CAST(${separatedDate(cell)} AS TIMESTAMPTZ) END`;
}

/** Instants. Shown in the city's time, `2017-07-01T08:00:00+08:00`; a date alone is its midnight. */
export const datetimeRule: ValueRule = {
  sqlType: () => 'TIMESTAMPTZ',
  parse,
  parsePlain: (cell) => `CASE WHEN strlen(${cell}) IN (19, 20, 25) THEN TRY_CAST(${cell} AS TIMESTAMPTZ) END`,
  canonical: (value) => `CAST(epoch_us(${value}) AS VARCHAR)`,
  text: (
    value,
  ) => `CASE WHEN epoch_us(${value}) % 1000000 = 0 THEN strftime(${value}, '%Y-%m-%dT%H:%M:%S${CITY_OFFSET}')
    ELSE strftime(${value}, '%Y-%m-%dT%H:%M:%S.%f${CITY_OFFSET}') END`,
};
