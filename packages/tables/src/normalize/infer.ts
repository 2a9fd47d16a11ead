import type { Column, ColumnType } from '@songhua/domain';
import { decimalWidth } from '../values/decimal.js';
import type { CellClass, ClassCounts } from './classify.js';

// A typing slip in a hundred cells is dirt and is rejected with its line; more says that the type is wrong.
const MISFIT_SHARE = 0.01;
// Below a hundred cells a share says nothing: one misfit is dirt only among enough others.
const FEW_CELLS = 100;
const FITS_FOR_ONE_MISFIT = 20;
// Eight digits may be any number; this many dates in a row, or a name that says so, is no coincidence.
const COMPACT_DATES = 20;
const DATE_NAME = /日期|时间|日$|date|time|day|rq$/i;

export type Inferred = Pick<Column, 'type' | 'precision' | 'scale' | 'unit'>;

/** Misfits that `cells` cells may have before a type is wrong for them. */
export function misfitsAllowed(cells: number): number {
  if (cells < FEW_CELLS) return cells > FITS_FOR_ONE_MISFIT ? 1 : 0;
  return Math.floor(cells * MISFIT_SHARE);
}

const sum = ({ cells }: ClassCounts, ...classes: CellClass[]): number =>
  classes.reduce((total, name) => total + (cells[name] ?? 0), 0);

export const cellsOf = (counts: ClassCounts): number => Object.values(counts.cells).reduce((total, n) => total + n, 0);

/**
 * The type of a column from the classes of all its cells: the one type that fits all but the misfits allowed, else `string`.
 * Wider types take the narrower ones in: one 1.5 among integers makes decimals, one time of day among dates makes datetimes, because
 * that loses nothing, where a rejected row would. One identifier among integers makes text. `excluded` types were tried and failed.
 */
export function decideType(counts: ClassCounts, name: string, excluded: readonly ColumnType[] = []): Inferred {
  const cells = cellsOf(counts);
  const string: Inferred = { type: 'string' };
  if (cells === 0) return string;
  const enough = (type: ColumnType, ...classes: CellClass[]): boolean =>
    !excluded.includes(type) && cells - sum(counts, ...classes) <= misfitsAllowed(cells);
  const {
    identifier = 0,
    decimal = 0,
    percent = 0,
    date = 0,
    datetime = 0,
    compact = 0,
    flag = 0,
    boolean = 0,
  } = counts.cells;

  const compactDates = compact === cells && (cells >= COMPACT_DATES || DATE_NAME.test(name));
  if (compactDates && enough('date', 'compact')) return { type: 'date' };
  if (percent > 0 && enough('decimal', 'percent')) {
    const width = decimalWidth(counts.whole, counts.scale);
    return width ? { type: 'decimal', ...width, unit: 'percent' } : string;
  }
  if (decimal > 0 && enough('decimal', 'integer', 'compact', 'decimal')) {
    const width = decimalWidth(counts.whole, counts.scale);
    return width ? { type: 'decimal', ...width } : string;
  }
  if (decimal === 0 && identifier === 0 && enough('integer', 'integer', 'compact')) return { type: 'integer' };
  if (datetime > 0 && enough('datetime', 'date', 'datetime')) return { type: 'datetime' };
  if (date > compact && datetime === 0 && enough('date', 'date', 'compact')) return { type: 'date' };
  if (enough('time', 'time')) return { type: 'time' };
  const flags = flag === cells && counts.flags.y && counts.flags.n;
  return (flags || boolean > 0) && enough('boolean', 'boolean', 'flag') ? { type: 'boolean' } : string;
}

const FAMILIES: CellClass[][] = [
  ['integer', 'compact', 'decimal'],
  ['percent'],
  ['date', 'datetime', 'compact'],
  ['time'],
  ['boolean', 'flag'],
];

/** Whether a column whose sample has `counts` is text whatever the rest of its `rows` rows hold. */
export function surelyText(counts: ClassCounts, rows: number): boolean {
  const cells = cellsOf(counts);
  return FAMILIES.every((family) => cells - sum(counts, ...family) > misfitsAllowed(rows));
}

/** The class that stands for cells known to fit a type, given what the sample showed. */
export function classFor({ type, unit }: Inferred, sample: ClassCounts | undefined): CellClass {
  if (unit === 'percent') return 'percent';
  if (type === 'json') return 'string';
  if (type === 'date' && (sample?.cells.date ?? 0) === 0 && (sample?.cells.compact ?? 0) > 0) return 'compact';
  if (type === 'boolean' && (sample?.cells.boolean ?? 0) === 0 && (sample?.cells.flag ?? 0) > 0) return 'flag';
  return type;
}
