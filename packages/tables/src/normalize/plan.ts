import type { Column, ColumnType } from '@songhua/domain';
import { cellName, ident } from '../sql.js';
import { type BlankPolicy, type Blanks, isBlank, mayBeValues } from '../values/blank.js';
import { RULES } from '../values/rules.js';
import type { Sql } from '../values/types.js';

/** One column of the version to be: what it is, which source column fills it, and whether its type may still change. */
export interface PlannedColumn {
  column: Column;
  /** Index of the source column; undefined when the source no longer has it, and then every value is NULL. */
  cell: number | undefined;
  required: boolean;
  /** The rows in which it is, when not in all. */
  requiredIn?: Sql;
  blanks: BlankPolicy;
  /** `inferred`: decided by this refresh; `fixed`: by an earlier version; `declared`: by a person. */
  basis: 'inferred' | 'fixed' | 'declared';
  /** An earlier version published it with its unit, or without one. */
  unitFixed?: boolean;
  /** Rows of that version stay, so its values must go on fitting. */
  held?: boolean;
  /** Types that looked right and failed on the whole. */
  excluded?: ColumnType[];
}

/** How much of a type's forms a pass reads: `plain` is the cast alone, `every` all forms and the words for blank. */
export type Forms = 'plain' | 'every';

/** The cells of a planned column that have no value. */
export const blanksIn = ({ column, blanks }: PlannedColumn): Blanks =>
  column.type === 'string' ? blanks.text : blanks.typed;

/** The typed value of a planned column, from the cells of a landed row. */
function typedValue(planned: PlannedColumn, forms: Forms): Sql {
  const { column, cell } = planned;
  const rule = RULES[column.type];
  if (cell === undefined) return `CAST(NULL AS ${rule.sqlType(column)})`;
  const parse = forms === 'plain' && rule.parsePlain ? rule.parsePlain : rule.parse;
  const value = parse(cellName(cell), column);
  const blanks = blanksIn(planned);
  return mayBeValues(blanks) ? `CASE WHEN NOT ${isBlank(cellName(cell), blanks)} THEN ${value} END` : value;
}

/** Whether the cell of a planned column is to blame for rejecting its row; `value` is its typed value. */
function misfitOf(planned: PlannedColumn, value: Sql, forms: Forms): Sql | undefined {
  const { column, cell, required, requiredIn } = planned;
  if (cell === undefined) return required ? 'true' : undefined;
  if (required) return requiredIn ? `(${requiredIn} AND ${value} IS NULL)` : `${value} IS NULL`;
  if (column.type === 'string') return undefined;
  if (forms === 'plain') return `(${value} IS NULL AND ${cellName(cell)} IS NOT NULL)`;
  // CASE is the only form that DuckDB never evaluates eagerly; the blank test is ten times dearer than the parse.
  return `CASE WHEN ${value} IS NOT NULL THEN false ELSE NOT ${isBlank(cellName(cell), blanksIn(planned))} END`;
}

/** A column beside the cells that the typed rows keep, and its name there. */
export interface Carried {
  column: string;
  as: string;
}

/** Typed rows of `relation` that have no misfit, under the published names, in order. */
export function goodRows(
  plan: readonly PlannedColumn[],
  relation: string,
  { forms, carried }: { forms: Forms; carried?: Carried | undefined },
): Sql {
  const values = plan.map((planned, i) => `${typedValue(planned, forms)} AS v${i}`);
  const checks = plan.flatMap((planned, i) => misfitOf(planned, `v${i}`, forms) ?? []);
  const names = plan.map(({ column }, i) => `v${i} AS ${ident(column.name)}`);
  if (carried) names.push(`${carried.column} AS ${ident(carried.as)}`);
  const where = checks.length > 0 ? `WHERE NOT (${checks.join(' OR ')})` : '';
  return `SELECT ${names.join(', ')} FROM (SELECT *, ${values.join(', ')} FROM ${relation}) ${where}`;
}

/** The rows of `relation` that have a misfit: `_row`, their cells, and `_fields`, the positions in `plan` of what is to blame. */
export function badRows(plan: readonly PlannedColumn[], relation: string): Sql {
  const misfits = plan.flatMap((planned, field) => {
    const misfit = misfitOf(planned, typedValue(planned, 'every'), 'every');
    return misfit ? [{ misfit, field }] : [];
  });
  if (misfits.length === 0) return `SELECT *, []::INTEGER[] AS _fields FROM ${relation} WHERE false`;
  const fields = misfits.map(({ misfit, field }) => `CASE WHEN ${misfit} THEN ${field} END`).join(', ');
  // Lists are dear, so they are made for the few rows that pass the filter.
  return `SELECT *, list_filter([${fields}], lambda field: field IS NOT NULL) AS _fields
    FROM (SELECT * FROM ${relation} WHERE ${misfits.map(({ misfit }) => misfit).join(' OR ')})`;
}
