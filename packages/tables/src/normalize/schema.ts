import { type Column, type SchemaDifference, SonghuaError } from '@songhua/domain';
import type { NormalizeInput } from '../types.js';
import { blankPolicy } from '../values/blank.js';
import { decimalWidth } from '../values/decimal.js';
import type { PlannedColumn } from './plan.js';
import { guessRenamed } from './renamed.js';

/** How the source differs from the schema that earlier versions (or a declaration) fixed. Neither order nor a changed declaration is a difference. */
export interface Drift {
  missing: string[];
  added: string[];
  retyped: { name: string; from: string; to: string }[];
}

export const noDrift = (drift: Drift): boolean =>
  drift.missing.length === 0 && drift.added.length === 0 && drift.retyped.length === 0;

// A declaration says no width; this one holds what registers hold and grows when longer fractions arrive.
const DECLARED_DECIMAL = decimalWidth(15, 0);

/** The columns of the version to be, before types are inferred, and what is different from before. */
export function planColumns(
  input: Pick<NormalizeInput, 'columns' | 'primaryKey' | 'declared' | 'previous' | 'blanks'>,
): {
  plan: PlannedColumn[];
  drift: Drift;
} {
  const sourceIndex = new Map(input.columns.map((column, i) => [column.name, i]));
  const declared = new Map((input.declared ?? []).map((column) => [column.name, column]));
  const key = new Set(input.primaryKey);
  const drift: Drift = { missing: [], added: [], retyped: [] };
  const plan: PlannedColumn[] = [];
  const fixed = input.previous?.schema.columns ?? [];
  const published = new Set(fixed);
  const place = (column: Column, basis: PlannedColumn['basis']): void => {
    const declaration = declared.get(column.name);
    const required = key.has(column.name) || (declaration?.required ?? false);
    const cell = sourceIndex.get(column.name);
    const { title: _before, ...untitled } = column;
    const title = declaration?.title;
    const source = cell === undefined ? column.source : (input.columns[cell]?.source ?? column.source);
    plan.push({
      column: { ...untitled, nullable: !required, ...(title ? { title } : {}), ...(source ? { source } : {}) },
      cell,
      required,
      blanks: blankPolicy(declaration?.blanks, input.blanks),
      basis,
      ...(published.has(column) ? { unitFixed: true } : {}),
    });
  };

  for (const column of fixed) {
    const declaration = declared.get(column.name);
    if (!sourceIndex.has(column.name)) drift.missing.push(column.name);
    if (declaration && declaration.type !== column.type) {
      // Somebody changed what the dataset declares; the source is as it was, so it is no drift.
      place({ ...widthless(column), type: declaration.type, ...declaredWidth(declaration.type) }, 'declared');
    } else if (declaration) place(column, 'declared');
    // Text is also what no value at all was taken for.
    else place(column, column.type === 'string' && input.previous?.rows === 0 ? 'inferred' : 'fixed');
  }
  const known = new Set(fixed.map((column) => column.name));
  for (const { name } of input.columns) {
    if (known.has(name)) continue;
    known.add(name);
    if (input.previous) drift.added.push(name);
    const type = declared.get(name)?.type;
    if (type) place({ name, type, nullable: true, ...declaredWidth(type) }, 'declared');
    else place({ name, type: 'string', nullable: true }, 'inferred');
  }
  for (const { name, type } of input.declared ?? []) {
    if (known.has(name)) continue;
    drift.missing.push(name);
    place({ name, type, nullable: true, ...declaredWidth(type) }, 'declared');
  }
  return { plan, drift };
}

const declaredWidth = (type: Column['type']): Partial<Column> =>
  type === 'decimal' && DECLARED_DECIMAL ? DECLARED_DECIMAL : {};

function widthless({ precision: _precision, scale: _scale, unit: _unit, ...column }: Column): Column {
  return column;
}

/** Throws unless `schemaPolicy` (or a person's override) lets the schema change as `drift` says. */
export function enforcePolicy(input: NormalizeInput, drift: Drift): void {
  const required = new Set([
    ...input.primaryKey,
    ...(input.declared ?? []).filter((column) => column.required).map((column) => column.name),
  ]);
  const vital = drift.missing.filter((name) => required.has(name));
  const difference: SchemaDifference = {
    ...drift,
    renamed: guessRenamed(
      (input.previous?.schema.columns ?? []).map(({ name }) => name),
      input.columns.map(({ name }) => name),
      drift,
    ),
  };
  const told = [
    drift.missing.length > 0 ? `缺少列 missing: ${drift.missing.join(', ')}` : '',
    drift.added.length > 0 ? `新增列 new: ${drift.added.join(', ')}` : '',
    ...drift.retyped.map(({ name, from, to }) => `类型变化 retyped: ${name} (${from} → ${to})`),
    ...difference.renamed.map(({ from, to }) => `或已改名 perhaps renamed: ${from} → ${to}`),
  ]
    .filter((part) => part !== '')
    .join('; ');
  if (vital.length > 0) {
    throw new SonghuaError(
      'schema.rejected',
      `必需的列缺失 required columns are missing from the source: ${vital.join(', ')}. Restore them, or change the dataset's key and required columns`,
      { actor: 'department', details: { ...drift, difference } },
    );
  }
  if (noDrift(drift) || input.schemaPolicy === 'evolve' || input.overrides.includes('schema')) return;
  if (input.schemaPolicy === 'reject') {
    throw new SonghuaError(
      'schema.rejected',
      `数据列与已发布版本不同 the source's columns differ from the published ones (${told}), and the dataset's policy rejects that. Restore the source's columns`,
      { actor: 'department', details: { ...drift, difference } },
    );
  }
  throw new SonghuaError(
    'schema.changed',
    `数据列与已发布版本不同 the source's columns differ from the published ones (${told}). Approve the change, or restore the source's columns`,
    { actor: 'department', details: { ...drift, difference } },
  );
}

/** Throws `schema.key-missing` when the dataset's key names a column that neither source nor schema has. */
export function checkKey(input: NormalizeInput, plan: readonly PlannedColumn[]): void {
  const names = new Set(plan.map(({ column }) => column.name));
  const absent = input.primaryKey.filter((name) => !names.has(name));
  if (absent.length === 0) return;
  throw new SonghuaError(
    'schema.key-missing',
    `主键列不存在 the primary key names columns that the source does not have: ${absent.join(', ')}. Its columns are: ${[...names].join(', ')}`,
    { actor: 'department', details: { absent } },
  );
}
