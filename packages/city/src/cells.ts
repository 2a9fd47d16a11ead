import { below } from './random.js';
import type { DateStyle, Row } from './types.js';

const DAY_MS = 86_400_000;
const EPOCH = Date.UTC(2010, 0, 1);
// 2010 to 2021 covers what the city draws; days beyond it are worked out one by one.
const TABLE_DAYS = 4_400;

/** `n` with leading zeros. */
export function pad(n: number, digits: number): string {
  return String(n).padStart(digits, '0');
}

function writeDay(style: DateStyle, day: number): string {
  const date = new Date(EPOCH + day * DAY_MS);
  const [year, month, dayOfMonth] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  switch (style) {
    case 'iso':
      return `${year}-${pad(month, 2)}-${pad(dayOfMonth, 2)}`;
    case 'slash':
      return `${year}/${month}/${dayOfMonth}`;
    case 'compact':
      return `${year}${pad(month, 2)}${pad(dayOfMonth, 2)}`;
    case 'chinese':
      return `${year}年${month}月${dayOfMonth}日`;
  }
}

const tables = new Map<DateStyle, string[]>();
function tableOf(style: DateStyle): string[] {
  let table = tables.get(style);
  if (table === undefined) {
    table = Array.from({ length: TABLE_DAYS }, (_, day) => writeDay(style, day));
    tables.set(style, table);
  }
  return table;
}

/** A date as the dataset writes it; `day` counts from 2010-01-01. */
export function dateCell(row: Row, day: number): string {
  const styles = row.dress.dates;
  const style = (styles.length === 1 ? styles[0] : styles[below(row, styles.length)]) as DateStyle;
  return tableOf(style)[day] ?? writeDay(style, day);
}

/** A whole number with a comma every three digits. */
export function thousandsCell(n: number): string {
  return n < 1000 ? String(n) : `${thousandsCell(Math.floor(n / 1000))},${pad(n % 1000, 3)}`;
}

/** What stands for no value. */
export function blankCell(row: Row): string {
  const blanks = row.dress.blanks;
  return (blanks.length === 1 ? blanks[0] : blanks[below(row, blanks.length)]) ?? '';
}
