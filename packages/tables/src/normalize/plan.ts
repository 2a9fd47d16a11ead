import type { Column } from '@songhua/domain';
import { cellName, ident } from '../sql.js';
import { isBlank } from '../values/blank.js';
import { RULES } from '../values/rules.js';
import type { Sql } from '../values/types.js';

/** One column of the version to be: what it is, which source column fills it, and whether its type may still change. */
export interface PlannedColumn {
  column: Column;
  /** Index of the source column; undefined when the source no longer has it, and then every value is NULL. */
  cell: number | undefined;
  required: boolean;
  /** `inferred`: decided by this refresh; `fixed`: by an earlier version; `declared`: by a person. */
  basis: 'inferred' | 'fixed' | 'declared';
}

const isPlainText = ({ column }: PlannedColumn): boolean => column.type === 'string';

/** The typed value of a planned column, from the cells of a landed row. */
export function typedValue({ column, cell }: PlannedColumn): Sql {
  const rule = RULES[column.type];
  if (cell === undefined) return `CAST(NULL AS ${rule.sqlType(column)})`;
  return rule.parse(cellName(cell), column);
}

/** Whether the cell of a planned column is to blame for rejecting its row; `value` is its typed value. */
export function misfitOf(planned: PlannedColumn, value: Sql): Sql | undefined {
  if (planned.cell === undefined) return planned.required ? 'true' : undefined;
  if (planned.required) return `${value} IS NULL`;
  return isPlainText(planned) ? undefined : `(${value} IS NULL AND NOT ${isBlank(cellName(planned.cell))})`;
}

/** Typed rows of `relation` that have no misfit, under the published names, in order. */
export function goodRows(plan: readonly PlannedColumn[], relation: string): Sql {
  const values = plan.map((planned, i) => `${typedValue(planned)} AS v${i}`);
  const checks = plan.map((planned, i) => misfitOf(planned, `v${i}`)).filter((check) => check !== undefined);
  const names = plan.map(({ column }, i) => `v${i} AS ${ident(column.name)}`).join(', ');
  const where = checks.length > 0 ? `WHERE NOT (${checks.join(' OR ')})` : '';
  return `SELECT ${names} FROM (SELECT *, ${values.join(', ')} FROM ${relation}) ${where}`;
}

/** The cells of the rows of `relation` that have a misfit, with their position `_row`. */
export function badRows(plan: readonly PlannedColumn[], relation: string): Sql {
  const checks = plan.map((planned) => misfitOf(planned, typedValue(planned))).filter((check) => check !== undefined);
  return `SELECT * FROM ${relation} WHERE ${checks.length > 0 ? checks.join(' OR ') : 'false'}`;
}
