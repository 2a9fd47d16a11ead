import { plain } from './blank.js';
import type { Shape, Sql, ValueRule } from './types.js';

/** Digits that DuckDB's and Parquet's decimal can hold. */
export const MAX_PRECISION = 38;
// DECIMAL(18) is stored in 64 bits; beyond it costs twice the space.
const NARROW_PRECISION = 18;
// Whole digits left free, so that growing values do not outgrow the column.
const SPARE_DIGITS = 3;
/** Places by which a percent sign moves the point. */
export const PERCENT_DIGITS = 2;

const WHOLE = '(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)';

/** The width for values of up to `whole` digits before and `scale` after the point; undefined when no decimal holds them. */
export function decimalWidth(whole: number, scale: number): { precision: number; scale: number } | undefined {
  const needed = Math.max(1, whole) + scale;
  if (needed + SPARE_DIGITS <= NARROW_PRECISION) return { precision: NARROW_PRECISION, scale };
  return needed <= MAX_PRECISION ? { precision: MAX_PRECISION, scale } : undefined;
}

const sqlType = ({ precision = NARROW_PRECISION, scale = 0 }: Shape): Sql => `DECIMAL(${precision}, ${scale})`;

/** Matches decimals with at most `scale` digits that matter after the point. */
const pattern = (scale: number): string =>
  `[+-]?(?:${WHOLE}(?:[.][0-9]{0,${scale}}0*)?|[.]${scale > 0 ? `[0-9]{1,${scale}}0*` : '0+'})`;

/**
 * Whether the cast says what the cell says. The cast alone would round 1.005 and take 1e3; at scale 3 it gives 1.500 for 1.5, of which
 * the cell is a beginning, and no cell that is rounded or written otherwise is.
 */
const roundTrips = (cell: Sql, shape: Shape): Sql =>
  `starts_with(CAST(TRY_CAST(${cell} AS ${sqlType(shape)}) AS VARCHAR), ${cell})`;

/**
 * A percentage as the number it is. The cast shifts the point exactly, because the pattern lets no more digits through than fit; a
 * number without the sign is refused, since it may be a hundred times what it seems.
 */
function parsePercent(cell: Sql, shape: Shape): Sql {
  const text = plain(cell);
  const shifted = `rtrim(replace(${text}, ',', ''), ' %％') || 'e-${PERCENT_DIGITS}'`;
  // The widest first: before it shifts, DuckDB's cast needs room for the digits as they are written.
  const widest = sqlType({ ...shape, precision: MAX_PRECISION });
  return `CASE WHEN regexp_full_match(${text}, '${pattern((shape.scale ?? 0) - PERCENT_DIGITS)} *[%％]')
    THEN TRY_CAST(TRY_CAST(${shifted} AS ${widest}) AS ${sqlType(shape)}) END`;
}

function parse(cell: Sql, shape: Shape): Sql {
  if (shape.unit === 'percent') return parsePercent(cell, shape);
  const value = `TRY_CAST(${cell} AS ${sqlType(shape)})`;
  const text = plain(cell);
  return `CASE WHEN ${roundTrips(cell, shape)} THEN ${value}
    WHEN ${cell} IS NULL THEN NULL
    WHEN regexp_full_match(${text}, '${pattern(shape.scale ?? 0)}') THEN TRY_CAST(replace(${text}, ',', '') AS ${sqlType(shape)}) END`;
}

/** Exact decimals, never floats. The scale is a width that grows when longer fractions arrive; rows are compared at one scale. */
export const decimalRule: ValueRule = {
  sqlType,
  parse,
  parsePlain: (cell, shape) => {
    if (shape.unit === 'percent') return parsePercent(cell, shape);
    const value = `TRY_CAST(${cell} AS ${sqlType(shape)})`;
    return `CASE WHEN ${roundTrips(cell, shape)} THEN ${value} END`;
  },
  canonical: (value) => `CAST(${value} AS VARCHAR)`,
  text: (value) => `CAST(${value} AS VARCHAR)`,
};
