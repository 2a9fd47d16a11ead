import type { Session } from '../engine.js';
import { cellName } from '../sql.js';
import { isBlank } from '../values/blank.js';
import { decimalWidth } from '../values/decimal.js';
import { addCell, type ClassCounts, noCells } from './classify.js';
import { cellsOf, classFor, decideType, type Inferred, misfitsAllowed } from './infer.js';
import { blanksIn, type PlannedColumn } from './plan.js';
import type { Drift } from './schema.js';

/** `planned` with another type (and width). */
export function withType(planned: PlannedColumn, type: Inferred): PlannedColumn {
  const { precision: _precision, scale: _scale, unit: _unit, ...column } = planned.column;
  return { ...planned, column: { ...column, ...type } };
}

const sameType = (a: Inferred, b: Inferred | undefined): boolean =>
  a.type === b?.type && a.scale === b.scale && a.precision === b.precision && a.unit === b.unit;

export const sameTypes = (a: readonly PlannedColumn[], b: readonly PlannedColumn[]): boolean =>
  a.every(({ column }, i) => sameType(column, b[i]?.column));

const typeLabel = ({ type, unit }: Inferred): string => (unit === undefined ? type : `${type} (${unit})`);

interface Evidence {
  /** Cells of the column in rejected rows, whichever column they were rejected for. */
  bad: ClassCounts;
  /** Cells of the column that do not parse. */
  misfits: number;
  /** Values in the rows that parsed. */
  good: number;
  sample: ClassCounts | undefined;
}

/**
 * What the misfits of a finished try say about one column. An inferred type is decided anew from all cells. A fixed or declared decimal
 * grows; a fixed type that no longer fits its cells becomes what does and is reported as drift; a declared one stands.
 */
function revise(planned: PlannedColumn, evidence: Evidence, drift: Drift): PlannedColumn {
  const { column, basis, excluded = [] } = planned;
  const { type, precision = 0, scale = 0, unit } = column;
  const { bad, misfits, good, sample } = evidence;
  if (misfits === 0) return planned;
  const standing = classFor(column, sample);
  const all: ClassCounts = {
    cells: { ...bad.cells, [standing]: (bad.cells[standing] ?? 0) + good },
    whole: Math.max(bad.whole, sample?.whole ?? precision - scale),
    scale: Math.max(bad.scale, scale),
    flags: { y: bad.flags.y || (sample?.flags.y ?? false), n: bad.flags.n || (sample?.flags.n ?? false) },
    unusual: 0,
  };
  const tooMany = misfits > misfitsAllowed(cellsOf(all));
  if (basis === 'inferred') {
    const decided = decideType(all, column.name, excluded);
    if (!sameType(decided, column) || !tooMany) return withType(planned, decided);
    const tried = [...excluded, type];
    return { ...withType(planned, decideType(all, column.name, tried)), excluded: tried };
  }
  if (basis === 'declared' && type === 'decimal' && !planned.unitFixed && unit === undefined) {
    const decided = decideType(all, column.name);
    if (decided.unit) return withType(planned, decided);
  }
  if (type === 'decimal' && (bad.scale > scale || bad.whole > precision - scale)) {
    // What a version has fixed must go on holding its values; a declared width is only as wide as what was seen.
    const held =
      basis === 'fixed' || planned.held || bad.whole > precision - scale ? precision - scale : (sample?.whole ?? 0);
    const width = decimalWidth(Math.max(bad.whole, held), all.scale) ?? decimalWidth(bad.whole, all.scale);
    const wider: Inferred = { type, ...width, ...(unit ? { unit } : {}) };
    if (width && !sameType(wider, column)) return withType(planned, wider);
  }
  if (basis === 'declared' || !tooMany) return planned;
  const decided = decideType(all, column.name, [type]);
  drift.retyped.push({ name: column.name, from: typeLabel(column), to: typeLabel(decided) });
  return withType(planned, decided);
}

/** The plan as it should be, from the rows in the table `bad` and how many values each column has in the good ones. */
export async function reviseTypes(
  session: Session,
  state: { plan: PlannedColumn[]; counts: Map<number, ClassCounts>; drift: Drift; filled: readonly number[] },
): Promise<PlannedColumn[]> {
  const { plan, counts, drift, filled } = state;
  const typed = plan.flatMap((planned, field) => {
    const { cell, column } = planned;
    if (cell === undefined || column.type === 'string' || column.type === 'json') return [];
    return [{ cell, field, blanks: blanksIn(planned) }];
  });
  if (typed.length === 0) return plan;
  const found = new Map(typed.map(({ field }) => [field, { bad: noCells(), misfits: 0 }]));
  const misfits = typed.map(
    ({ field, cell, blanks }) =>
      `count(*) FILTER (list_contains(_fields, ${field}) AND NOT ${isBlank(cellName(cell), blanks)}) AS m${field}`,
  );
  const blamed = await session.one(`SELECT ${misfits.join(', ')} FROM bad`);
  for await (const chunk of session.columns(`SELECT ${typed.map(({ cell }) => cellName(cell)).join(', ')} FROM bad`)) {
    typed.forEach(({ field, blanks }, i) => {
      const counted = found.get(field);
      if (counted) for (const cell of chunk[i] ?? []) if (typeof cell === 'string') addCell(counted.bad, cell, blanks);
    });
  }
  return plan.map((planned, field) => {
    const counted = found.get(field);
    if (!counted || planned.cell === undefined) return planned;
    const evidence = {
      bad: counted.bad,
      misfits: Number(blamed[`m${field}`]),
      good: filled[field] ?? 0,
      sample: counts.get(planned.cell),
    };
    return revise(planned, evidence, drift);
  });
}
