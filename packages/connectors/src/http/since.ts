import { cellsOf, sourceError } from '@songhua/connector-sdk';
import type { SourceColumn } from '@songhua/contracts';
import type { DateTime } from 'luxon';
import type { SinceConfig } from './config.js';
import { formatMoment, parseMoment } from './dates.js';

const NUMBER = /^-?\d+(\.\d+)?$/;
const TIMES_OVERLAP_S = 300;
// So that rows of the same number come again from sources that send only greater ones.
const NUMBERS_OVERLAP = 1;

/** The greater of two values of a column: as numbers, as times, else as text. Neither loses digits. */
export function greater(a: string, b: string, config: SinceConfig): string {
  return compare(a, b, config) >= 0 ? a : b;
}

function compare(a: string, b: string, config: SinceConfig): number {
  if (NUMBER.test(a) && NUMBER.test(b)) return compareNumbers(a, b);
  if (isSameStyle(a, b, config)) return a === b ? 0 : a > b ? 1 : -1;
  const [x, y] = [momentOf(a, config), momentOf(b, config)];
  // Times of one millisecond may still differ in the digits behind it.
  if (x !== undefined && y !== undefined && x.toMillis() !== y.toMillis()) return x.toMillis() - y.toMillis();
  return a === b ? 0 : a > b ? 1 : -1;
}

const DATE_TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?)?$/;

/** Whether two times of day or date are written alike, so that their text is in order as they are: parsing each row's costs most of a read. */
const isSameStyle = (a: string, b: string, { format = 'iso' }: SinceConfig): boolean =>
  format === 'iso' &&
  a.length === b.length &&
  a.endsWith('Z') === b.endsWith('Z') &&
  a[10] === b[10] &&
  DATE_TIME.test(a) &&
  DATE_TIME.test(b);

function compareNumbers(a: string, b: string): number {
  const [x = '', xFraction = ''] = a.split('.');
  const [y = '', yFraction = ''] = b.split('.');
  const width = Math.max(xFraction.length, yFraction.length);
  const difference = BigInt(x + xFraction.padEnd(width, '0')) - BigInt(y + yFraction.padEnd(width, '0'));
  return difference === 0n ? 0 : difference > 0n ? 1 : -1;
}

const momentOf = (text: string, { format = 'iso', timezone }: SinceConfig): DateTime | undefined =>
  parseMoment(text, { format, timezone });

/** What is sent for the greatest value `value`: so much smaller as the overlap says, written as it was. */
export function sinceValue(value: string, config: SinceConfig): string | number {
  const { overlap, format, timezone } = config;
  const isTime = format?.startsWith('epoch') || !NUMBER.test(value);
  const moment = isTime ? momentOf(value, config) : undefined;
  if (moment !== undefined) {
    const seconds = overlap ?? TIMES_OVERLAP_S;
    return seconds === 0 ? value : like(value, moment.minus({ seconds }), format, timezone);
  }
  if (/^-?\d+$/.test(value)) return String(BigInt(value) - BigInt(overlap ?? NUMBERS_OVERLAP));
  if ((overlap ?? 0) === 0) return value;
  throw sourceError(
    'connector.config-invalid',
    `column ${JSON.stringify(config.column)} holds neither times nor whole numbers, so nothing can be read again behind it; set \`format\`, or overlap: 0`,
  );
}

/** Writes a moment the way `sample` is written. Digits behind the millisecond are cut, which only sends a smaller value. */
function like(sample: string, moment: DateTime, format: string | undefined, timezone: string): string | number {
  if (format !== undefined) return formatMoment(moment, { format, timezone });
  if (/^\d{4}-\d\d-\d\d$/.test(sample)) return moment.toISODate() ?? '';
  const [, separator = 'T', seconds, fraction, zone] =
    /^[^T ]*([T ])\d\d:?\d\d(?::?(\d\d)([.,]\d+)?)?\s?(Z|[+-]\d\d:?\d\d)?$/i.exec(sample) ?? [];
  const written = moment.toISO({
    includeOffset: zone !== undefined,
    suppressSeconds: seconds === undefined,
    suppressMilliseconds: fraction === undefined,
  });
  // What was not written is cut, not left out only when it is zero.
  const cut = fraction === undefined ? (written ?? '').replace(/\.\d+/, '') : (written ?? '');
  return separator.toUpperCase() === 'T' ? cut : cut.replace('T', ' ');
}

/** Whether a time lies ahead of the clock: as position it would hide what is written until then. */
export const isAhead = (value: string, config: SinceConfig, now = Date.now()): boolean => {
  const moment = config.format?.startsWith('epoch') || !NUMBER.test(value) ? momentOf(value, config) : undefined;
  return moment !== undefined && moment.toMillis() > now;
};

/** Looks for the greatest value of the column that is not ahead of the clock as rows go by. */
export interface Greatest {
  see(columns: SourceColumn[], csv: Buffer, rows: number): void;
  readonly value: string | undefined;
}

/** `known`: the greatest value before. Throws `connector.config-invalid` when there are rows, and none has the column. */
export function createGreatest(config: SinceConfig, known: string | undefined): Greatest & { check(): void } {
  let value = known;
  let rowsSeen = 0;
  let found = false;
  return {
    get value() {
      return value;
    },
    see(columns, csv, rows) {
      rowsSeen += rows;
      const at = columns.findIndex(({ name, source }) => name === config.column || source === config.column);
      if (at < 0) return;
      found = true;
      for (const cells of cellsOf(csv, rows)) {
        const cell = (cells[at] ?? '').trim();
        if (cell === '' || (value !== undefined && greater(value, cell, config) === value)) continue;
        if (!isAhead(cell, config)) value = cell;
      }
    },
    check() {
      if (rowsSeen > 0 && !found)
        throw sourceError(
          'connector.config-invalid',
          `no row has the column ${JSON.stringify(config.column)}; correct \`since.column\``,
        );
    },
  };
}
