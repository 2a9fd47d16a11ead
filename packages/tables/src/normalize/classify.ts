import type { Session } from '../engine.js';
import { cellName } from '../sql.js';
import { type Blanks, plainText } from '../values/blank.js';
import { FALSE_WORDS, TRUE_WORDS } from '../values/boolean.js';
import { MAX_PRECISION, PERCENT_DIGITS } from '../values/decimal.js';

/**
 * What a cell that is not blank looks like; each cell has exactly one class. `identifier`: digits that are no quantity (leading
 * zeros, 15 digits or more, telephone numbers with +). `compact`: eight digits that are a date. `flag`: Y or N.
 */
export type CellClass =
  | 'identifier'
  | 'compact'
  | 'integer'
  | 'decimal'
  | 'percent'
  | 'date'
  | 'datetime'
  | 'time'
  | 'boolean'
  | 'flag'
  | 'string';

/** Cells of one column by class, with the longest digit runs of its numbers and what else decides a type. */
export interface ClassCounts {
  cells: Partial<Record<CellClass, number>>;
  /** Most digits before and after the point. */
  whole: number;
  scale: number;
  /** Whether `y`, and `n`, was seen. */
  flags: { y: boolean; n: boolean };
  /** Blank words and cells in other than the plainest form of their class: whether parsing needs more than a cast. */
  unusual: number;
}

export const noCells = (): ClassCounts => ({
  cells: {},
  whole: 0,
  scale: 0,
  flags: { y: false, n: false },
  unusual: 0,
});

// Card, account and credit-code numbers start at 15 digits; a quantity that long is not seen in public registers.
const IDENTIFIER_DIGITS = 15;
// With the code of the country; no quantity of ten digits or more is written with a plus.
const PHONE = /^\+[0-9]{10,}$/;
const INTEGER = /^[+-]?(?:[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+)$/;
const DECIMAL = /^[+-]?(?:(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)\.[0-9]*|\.[0-9]+)$/;
const PERCENT = /^[+-]?((?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)?)(?:\.([0-9]*))? *[%％]$/;
const DATE =
  /^([0-9]{4})(?:-([0-9]{1,2})-([0-9]{1,2})|\/([0-9]{1,2})\/([0-9]{1,2})|\.([0-9]{1,2})\.([0-9]{1,2})|年([0-9]{1,2})月([0-9]{1,2})日)$/;
const DATETIME =
  /^([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})(?:日 ?|T| {1,2})([0-9]{1,2})[:时点]([0-9]{1,2})(?:[:分]([0-9]{1,2})(?:\.[0-9]{1,6})?秒?|分)?(?: ?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?))?$/;
const PLAIN_DATETIME = /^[0-9-]{10}[T ][0-9:]{8}(?:Z|[+-][0-9:]{5})?$/;
// 3:15 may be a score or a ratio; two-digit hours or seconds make it a time.
const TIME = /^(?:[0-9]{2}:[0-9]{2}|[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)$/;

// Nothing but text is longer, blanks around it included; outlines of areas have hundreds of kilobytes.
const LONGEST_TYPED = 256;
const FLAGS: ReadonlySet<string> = new Set(['y', 'n']);
const WORDS: ReadonlySet<string> = new Set([...TRUE_WORDS, ...FALSE_WORDS].filter((word) => !FLAGS.has(word)));

function isDay(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}

function isCompactDate(text: string): boolean {
  const year = Number(text.slice(0, 4));
  return (
    text.length === 8 && year >= 1900 && year < 2100 && isDay(year, Number(text.slice(4, 6)), Number(text.slice(6)))
  );
}

function isDate(text: string): boolean {
  const parts = DATE.exec(text);
  if (!parts) return false;
  const [year, month, day] = parts
    .slice(1)
    .filter((part) => part !== undefined)
    .map(Number);
  return isDay(year ?? 0, month ?? 0, day ?? 0);
}

function isDatetime(text: string): boolean {
  const [, year, month, day, hour, minute, second = 0] = DATETIME.exec(text) ?? [];
  if (year === undefined) return false;
  return (
    isDay(Number(year), Number(month), Number(day)) && Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60
  );
}

function isPercent(text: string): boolean {
  if (!/[%％]$/.test(text)) return false;
  const [, whole = '', fraction = ''] = PERCENT.exec(text) ?? [];
  return whole.length + fraction.length > 0 && whole.length + fraction.length + PERCENT_DIGITS <= MAX_PRECISION;
}

/** Adds a cell that is not null to `counts`, unless it is one of `blanks`. */
export function addCell(counts: ClassCounts, cell: string, blanks: Blanks): void {
  const text = plainText(cell);
  if (text.length <= blanks.longest && blanks.tokens.has(text)) {
    counts.unusual++;
    return;
  }
  const add = (name: CellClass, usual: boolean): void => {
    counts.cells[name] = (counts.cells[name] ?? 0) + 1;
    if (!usual || text !== cell) counts.unusual++;
  };
  const first = text.charCodeAt(0);
  // Most text starts with neither a digit nor a sign, and no class but words and flags does.
  if (first > 57 || first < 43) {
    const word = text.length <= 5 ? text.toLowerCase() : '';
    if (word === 'y' || word === 'n') {
      counts.flags[word] = true;
      add('flag', true);
    } else add(WORDS.has(word) ? 'boolean' : 'string', true);
  } else if (INTEGER.test(text)) {
    const digits = text.replace(/[+,-]/g, '');
    if (digits.length >= IDENTIFIER_DIGITS || /^0[0-9]/.test(digits) || PHONE.test(text)) add('identifier', true);
    else {
      counts.whole = Math.max(counts.whole, digits.length);
      const usual = digits.length === text.length || (text.startsWith('-') && text !== '-0' && !text.includes(','));
      add(isCompactDate(text) ? 'compact' : 'integer', usual);
    }
  } else if (DECIMAL.test(text)) {
    const [whole = '', fraction = ''] = text.replace(/[+,-]/g, '').split('.');
    if (whole.length + fraction.length > MAX_PRECISION) add('string', true);
    else {
      counts.whole = Math.max(counts.whole, whole.length);
      if (fraction.length !== counts.scale && counts.cells.decimal) counts.unusual++;
      counts.scale = Math.max(counts.scale, fraction.length);
      add('decimal', whole !== '' && !/[+,]/.test(text));
    }
  } else if (isPercent(text)) {
    const [, whole = '', fraction = ''] = PERCENT.exec(text) ?? [];
    counts.whole = Math.max(counts.whole, whole.replaceAll(',', '').length - PERCENT_DIGITS);
    counts.scale = Math.max(counts.scale, fraction.length + PERCENT_DIGITS);
    add('percent', true);
  } else if (isDate(text)) add('date', text.length === 10 && text[4] === '-' && text[7] === '-');
  else if (isDatetime(text)) add('datetime', PLAIN_DATETIME.test(text));
  else if (TIME.test(text) && Number(text.split(':', 1)[0]) < 24) add('time', true);
  else add('string', true);
}

/** A source column and what has no value in it. */
export interface ClassifiedColumn {
  cell: number;
  blanks: Blanks;
}

/** Classifies the cells of the given source columns of `relation`, chunk by chunk. */
export async function classify(
  session: Session,
  relation: string,
  columns: readonly ClassifiedColumn[],
): Promise<Map<number, ClassCounts>> {
  const counts = columns.map(noCells);
  if (columns.length > 0) {
    const cells = columns.map(({ cell }) => `left(${cellName(cell)}, ${LONGEST_TYPED})`);
    for await (const chunk of session.columns(`SELECT ${cells.join(', ')} FROM ${relation}`)) {
      chunk.forEach((cells, i) => {
        const column = columns[i];
        const counted = counts[i];
        if (!column || !counted) return;
        for (const cell of cells) if (typeof cell === 'string') addCell(counted, cell, column.blanks);
      });
    }
  }
  return new Map(columns.map(({ cell }, i) => [cell, counts[i] ?? noCells()]));
}
