import { blankCell, dateCell, pad, thousandsCell } from './cells.js';
import {
  COMPANY_HEADS,
  COMPANY_TAILS,
  COMPANY_TRADES,
  DISTRICT_SPELLINGS,
  DISTRICTS,
  ROADS,
  STREETS,
} from './places.js';
import { below, draw, pick } from './random.js';
import type { Field, Row } from './types.js';

/** Fields that archetypes are put together from. Key fields come first in each list. */

type Options = Pick<Field, 'required' | 'mutable' | 'blank'>;

/** A code of a prefix, the file's period and a running number; a key of its own. */
export const serial = (header: string, prefix: string, digits = 7): Field => ({
  header,
  type: 'string',
  key: true,
  text: (row) => prefix + row.period.label + pad(row.index + 1, digits),
});

/** Leading zeros that a number would lose. */
export const zeroCode = (header: string, digits = 8): Field => ({
  header,
  type: 'string',
  key: true,
  ambiguous: true,
  text: (row) => `0${row.period.label}${pad(row.index + 1, digits)}`,
});

/** The same field, of text that a reader could take for a number or a date. */
export const ambiguous = (field: Field): Field => ({ ...field, ambiguous: true });

/** 18 digits, past what a double can hold; never a valid birth date inside, so never an identity number. */
export const longCode = (header: string): Field => ({
  header,
  type: 'string',
  key: true,
  ambiguous: true,
  text: (row) => `230100${row.period.label.slice(0, 4) || '2017'}${pad(row.index, 8)}`,
});

/** The k-th place of a mixed-radix number: `place(1, 18)` runs through 18 values, `place(18)` counts the rounds. */
export function place(divisor: number, radix = Number.MAX_SAFE_INTEGER): (row: Row) => number {
  return (row) => Math.floor(row.index / divisor) % radix;
}

/** A key field whose text is a function of one place of the row's index. */
export const keyed = (header: string, at: (row: Row) => number, text: (n: number, row: Row) => string): Field => ({
  header,
  type: 'string',
  key: true,
  text: (row) => text(at(row), row),
});

// A single file holds the same four years that four files would.
const YEARS_IN_ONE = 4;
/** The file's year, or one of 2014 to 2017; `rounds` then counts the rest of the key. */
export const yearKey = (header = '年份|年度'): Field => ({
  header,
  type: 'integer',
  key: true,
  text: (row) => String(row.period.year || 2014 + (row.index % YEARS_IN_ONE)),
});
export const rounds = (row: Row): number => (row.period.year > 0 ? row.index : Math.floor(row.index / YEARS_IN_ONE));

/** A day that advances by one every `divisor` rows, from the file's period or from 2015. */
export const dayKey = (header: string, divisor: number): Field => ({
  header,
  type: 'date',
  key: true,
  text: (row) => dateCell(row, firstDay(row) + Math.floor(row.index / divisor)),
});

/** An hour that advances every `divisor` rows; key. */
export const hourKey = (header: string, divisor: number): Field => ({
  header,
  type: 'datetime',
  key: true,
  text: (row) => {
    const hour = Math.floor(row.index / divisor);
    return `${isoDay(firstDay(row) + Math.floor(hour / 24))} ${pad(hour % 24, 2)}:00:00`;
  },
});

/** A moment of its own for each row, for tables without a key. */
export const momentOf = (header: string): Field => ({
  header,
  type: 'datetime',
  text: (row) => {
    const second = row.index * 7;
    const clock = second % 86_400;
    const day = isoDay(firstDay(row) + Math.floor(second / 86_400));
    return `${day} ${pad(Math.floor(clock / 3600), 2)}:${pad(Math.floor(clock / 60) % 60, 2)}:${pad(clock % 60, 2)}`;
  },
});

/** A date: the row's own day, some days `since` it, or (in a single file) any in the years from `from` on. */
export const date = (
  header: string,
  options: Options & { since?: readonly [number, number]; from?: number; years?: number } = {},
): Field => {
  const { since, from, years = 5, ...rest } = options;
  const dayIn = (row: Row): number => {
    if (since !== undefined) return ownDay(row) + since[0] + below(row, since[1] - since[0] + 1);
    if (from === undefined || row.period.year > 0) return ownDay(row);
    return dayOf(from) + below(row, DAYS_IN_YEAR * years);
  };
  return { header, type: 'date', ...rest, text: (row) => dateCell(row, dayIn(row)) };
};

export const integer = (header: string, low: number, high: number, options: Options = {}): Field => ({
  header,
  type: 'integer',
  ...options,
  // Squared, because most counts in a city are small and a few are large.
  text: (row) => String(low + Math.floor(draw(row) ** 2 * (high - low + 1))),
});

/** A number with `digits` places after the point, as text of whole and rest, because formatting doubles is slow and inexact. */
export const decimal = (header: string, low: number, high: number, digits: number, options: Options = {}): Field => {
  const unit = 10 ** digits;
  return {
    header,
    type: 'decimal',
    ...options,
    text: (row) => fixed(Math.round(low * unit) + below(row, Math.round((high - low) * unit) + 1), unit, digits),
  };
};

/** Money: two places, thousands separators where the dataset has them. */
export const amount = (header: string, high: number, options: Options = {}): Field => ({
  header,
  type: 'decimal',
  ...options,
  free: true,
  text: (row) => {
    const cents = Math.floor(draw(row) ** 3 * high * 100);
    const whole = Math.floor(cents / 100);
    return `${row.dress.thousands ? thousandsCell(whole) : whole}.${pad(cents % 100, 2)}`;
  },
});

/** A large count, thousands separators where the dataset has them. */
export const quantity = (header: string, high: number, options: Options = {}): Field => ({
  header,
  type: 'integer',
  ...options,
  free: true,
  text: (row) => {
    const n = Math.floor(draw(row) ** 3 * high);
    return row.dress.thousands ? thousandsCell(n) : String(n);
  },
});

export const choice = (header: string, items: readonly string[], options: Options = {}): Field => ({
  header,
  type: 'string',
  ...options,
  text: (row) => pick(row, items),
});

/** Text made of what `make` draws. */
export const words = (header: string, make: (row: Row) => string, options: Options = {}): Field => ({
  header,
  type: 'string',
  ...options,
  text: make,
});

export const district = (header = '区县|所在区县|行政区划'): Field => ({
  header,
  type: 'string',
  text: (row) => {
    const at = below(row, DISTRICTS.length);
    return row.dress.looseDistricts ? pick(row, DISTRICT_SPELLINGS[at] ?? []) : (DISTRICTS[at]?.[0] ?? '');
  },
});

export const districtCode = (header = '行政区划代码|区划代码'): Field => ({
  header,
  type: 'string',
  ambiguous: true,
  text: (row) => pick(row, DISTRICTS)[1],
});

export const street = (header = '所属街道|街道'): Field => choice(header, STREETS, { blank: 0.04 });

export const address = (header = '地址|详细地址|办公地址', options: Options = {}): Field =>
  words(header, (row) => `${pick(row, ROADS)}${1 + below(row, 480)}号`, options);

export const company = (header: string, options: Options = {}): Field =>
  words(
    header,
    (row) => `哈尔滨${pick(row, COMPANY_HEADS)}${pick(row, COMPANY_TRADES)}${pick(row, COMPANY_TAILS)}`,
    options,
  );

/** An office's landline. */
export const telephone = (header = '联系电话|咨询电话|办公电话'): Field =>
  words(header, (row) => `0451-${82_000_000 + below(row, 6_999_999)}`, { blank: 0.05 });

const CREDIT_LETTERS = '0123456789ABCDEFGHJKLMNPQRTUWXY';
/** The unified social credit code of an enterprise: 18 characters, some letters. */
export const creditCode = (header = '统一社会信用代码'): Field =>
  words(
    header,
    (row) => {
      let code = '91230100MA';
      for (let i = 0; i < 8; i++) code += CREDIT_LETTERS[below(row, CREDIT_LETTERS.length)];
      return code;
    },
    { blank: 0.02 },
  );

export const longitude = (header = '经度'): Field => decimal(header, 126.4, 126.9, 6);
export const latitude = (header = '纬度'): Field => decimal(header, 45.6, 45.95, 6);

/** Free text with commas, quotes and, now and then, a line break. */
export const remark = (header: string, sentences: readonly string[], options: Options = {}): Field => ({
  header,
  type: 'string',
  blank: 0.3,
  ...options,
  free: true,
  text: (row) => {
    const first = pick(row, sentences);
    const kind = below(row, 20);
    if (kind < 10) return first;
    if (kind < 14) return `${first},${pick(row, sentences)}`;
    if (kind < 16) return `"${first}"，${pick(row, sentences)}`;
    if (kind < 17) return `${first}\n${pick(row, sentences)}`;
    return `${first}；${pick(row, sentences)}`;
  },
});

const MOST_PARAGRAPHS = 5;
/** The same field as people fill it in who are given a large box: most cells run over several lines. */
export const paragraphs = (field: Field): Field => ({
  ...field,
  free: true,
  text: (row) => Array.from({ length: 1 + below(row, MOST_PARAGRAPHS) }, () => field.text(row)).join('\n'),
});

/** The text of one cell, blanks included. */
export function cellText(field: Field, row: Row): string {
  if (field.blank !== undefined && draw(row) < field.blank) return blankCell(row);
  return field.text(row);
}

const DAY_MS = 86_400_000;
const EPOCH = Date.UTC(2010, 0, 1);
const firstDays = new Map<number, number>();
/** Days from 2010-01-01 to the first of a month; looked up, because every date cell asks. */
function dayOf(year: number, month = 1): number {
  const at = year * 12 + month;
  let day = firstDays.get(at);
  if (day === undefined) {
    day = Math.round((Date.UTC(year, month - 1, 1) - EPOCH) / DAY_MS);
    firstDays.set(at, day);
  }
  return day;
}
const firstDay = ({ period }: Row): number =>
  period.year > 0 ? dayOf(period.year, period.month || 1) + Math.max(0, period.day - 1) : FIRST_DAY_OF_SINGLE;
const FIRST_DAY_OF_SINGLE = dayOf(2015);
const DAYS_IN_YEAR = 365;
const DAYS_IN_MONTH = 28;

/** The day on which what the row tells of happened: within the file's period, or in 2013 to 2017. */
function ownDay(row: Row): number {
  if (row.period.year === 0) return dayOf(2013) + (row.anchor % (5 * DAYS_IN_YEAR));
  if (row.period.day > 0) return firstDay(row);
  return firstDay(row) + (row.anchor % (row.period.month > 0 ? DAYS_IN_MONTH : DAYS_IN_YEAR));
}

function isoDay(day: number): string {
  return dateCell(ISO_ROW, day);
}
const ISO_ROW: Row = {
  state: 0,
  index: 0,
  period: { label: '', year: 0, month: 0, day: 0 },
  dress: { dates: ['iso'], blanks: [''], thousands: false, looseDistricts: false },
  subject: '',
  anchor: 0,
};

function fixed(n: number, unit: number, digits: number): string {
  const size = Math.abs(n);
  return `${n < 0 ? '-' : ''}${Math.floor(size / unit)}.${pad(size % unit, digits)}`;
}
