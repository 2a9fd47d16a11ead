import { SonghuaError } from '@songhua/domain';
import type { Session } from '../engine.js';
import { ident, literal } from '../sql.js';
import type { NormalizeInput } from '../types.js';
import { decimalWidth } from '../values/decimal.js';
import { type ClassCounts, classify } from './classify.js';
import { cellsOf, classFor, decideType, misfitsAllowed, surelyText } from './infer.js';
import { badRows, goodRows, type PlannedColumn } from './plan.js';
import type { Drift } from './schema.js';
import { landedRows, numbered } from './source.js';

// A sample must hold more than the hundredth of all rows that may be misfits, or it can never prove a column to be text.
const SAMPLE_ROWS = 512;
const SAMPLE_SHARE = 0.02;
// Each try widens or loosens at least one column, and a column changes at most decimal → wider → text.
const MAX_TRIES = 4;

/** The table `bad` of rejected rows (`_row`, cells) and the file of good ones. */
export interface Candidate {
  path: string;
  plan: PlannedColumn[];
  good: number;
  bad: number;
}

interface Sample {
  relation: string;
  counts: Map<number, ClassCounts>;
}

/** Makes `raw` what the rest reads: the sample table itself when it holds every row, the landed files when not. */
async function sampleRows(session: Session, input: NormalizeInput, plan: PlannedColumn[]): Promise<Sample> {
  const landed = landedRows(input.parts, input.columns.length);
  const inferred = cellsToInfer(plan);
  const size = SAMPLE_ROWS + Math.ceil(input.rows * SAMPLE_SHARE);
  const whole = input.rows <= size;
  if (!whole && inferred.length === 0) return { relation: landed, counts: new Map() };
  // One more than announced, so that a surplus shows.
  await session.run(
    `CREATE OR REPLACE TEMP TABLE sample AS SELECT * FROM ${landed} LIMIT ${whole ? input.rows + 1 : size}`,
  );
  const counts = await classify(session, 'sample', inferred);
  if (whole) return { relation: 'sample', counts };
  const open = inferred.filter((cell) => {
    const seen = counts.get(cell);
    return seen !== undefined && decideType(seen, '').type === 'string' && !surelyText(seen, input.rows);
  });
  for (const [cell, exact] of await classify(session, landed, open)) counts.set(cell, exact);
  return { relation: landed, counts };
}

const cellsToInfer = (plan: readonly PlannedColumn[]): number[] =>
  plan.flatMap(({ basis, cell }) => (basis === 'inferred' && cell !== undefined ? [cell] : []));

function withType(planned: PlannedColumn, type: ReturnType<typeof decideType>): PlannedColumn {
  const { precision: _precision, scale: _scale, ...column } = planned.column;
  return { ...planned, column: { ...column, ...type } };
}

/**
 * What the misfits of a finished try say about one column. Inferred columns are decided anew from all their cells. Fixed and declared
 * decimals grow; a fixed type that no longer fits its cells is reported as drift and becomes what fits; a declared one stands.
 */
function revise(
  planned: PlannedColumn,
  bad: ClassCounts,
  good: number,
  sample: ClassCounts | undefined,
  drift: Drift,
): PlannedColumn {
  const { column, basis } = planned;
  const { type, precision = 0, scale = 0 } = column;
  if (type === 'string' || type === 'json') return planned;
  const standing = classFor(type, sample);
  const all: ClassCounts = {
    cells: { ...bad.cells, [standing]: (bad.cells[standing] ?? 0) + good },
    whole: Math.max(bad.whole, sample?.whole ?? 0, type === 'decimal' && basis !== 'inferred' ? precision - scale : 0),
    scale: Math.max(bad.scale, scale),
    flags: Math.max(bad.flags, sample?.flags ?? 0),
  };
  if (basis === 'inferred') return withType(planned, decideType(all, column.name));
  if (type === 'decimal' && bad.scale > scale) {
    const width = decimalWidth(Math.max(bad.whole, precision - scale), bad.scale) ?? decimalWidth(bad.whole, bad.scale);
    if (width) return withType(planned, { type, ...width });
  }
  if (basis === 'declared') return planned;
  const decided = decideType(all, column.name);
  const misfits = cellsOf(bad) - (bad.cells[standing] ?? 0);
  if (decided.type === type || misfits <= misfitsAllowed(cellsOf(all))) return planned;
  drift.retyped.push({ name: column.name, from: type, to: decided.type });
  return withType(planned, decided);
}

const sameTypes = (a: readonly PlannedColumn[], b: readonly PlannedColumn[]): boolean =>
  a.every(({ column }, i) => {
    const other = b[i]?.column;
    return column.type === other?.type && column.scale === other.scale && column.precision === other.precision;
  });

function corrupt(input: NormalizeInput, found: number): SonghuaError {
  return new SonghuaError(
    'landing.corrupt',
    `The landed files hold ${found} rows, the sync announced ${input.rows}; sync the dataset again`,
    { details: { expected: input.rows, found } },
  );
}

/**
 * Parses every landed row into `path` (Parquet, in source order) or the table `bad`. Types are decided over all rows: guessed from a
 * sample, then proved by the full pass, whose misfits are exactly what the guess must answer for; a guess that fails is decided again.
 * Retyped fixed columns are added to `drift`.
 */
export async function buildCandidate(
  session: Session,
  input: NormalizeInput,
  start: { plan: PlannedColumn[]; drift: Drift; path: string },
): Promise<Candidate> {
  const { relation, counts } = await sampleRows(session, input, start.plan);
  let plan = start.plan.map((planned) => {
    const seen = planned.basis === 'inferred' && planned.cell !== undefined ? counts.get(planned.cell) : undefined;
    return seen ? withType(planned, decideType(seen, planned.column.name)) : planned;
  });
  for (let tries = 1; ; tries++) {
    const good = await writeParquet(session, goodRows(plan, relation), start.path);
    if (good > input.rows) throw corrupt(input, good);
    if (good === input.rows) return { path: start.path, plan, good, bad: 0 };
    await session.run(`CREATE OR REPLACE TEMP TABLE bad AS ${badRows(plan, numbered(relation))}`);
    const bad = Number((await session.one('SELECT count(*) AS n FROM bad')).n);
    if (good + bad !== input.rows) throw corrupt(input, good + bad);
    const revised = await reviseAll(session, { plan, counts, drift: start.drift, path: start.path });
    if (sameTypes(plan, revised) || tries === MAX_TRIES) return { path: start.path, plan, good, bad };
    plan = revised;
  }
}

async function reviseAll(
  session: Session,
  state: { plan: PlannedColumn[]; counts: Map<number, ClassCounts>; drift: Drift; path: string },
): Promise<PlannedColumn[]> {
  const cells = state.plan.flatMap(({ cell, column }) =>
    cell !== undefined && column.type !== 'string' ? [cell] : [],
  );
  const bad = await classify(session, 'bad', cells);
  const filled = await session.one(
    `SELECT ${state.plan.map(({ column }, i) => `count(${ident(column.name)}) AS n${i}`).join(', ')}
     FROM read_parquet(${literal(state.path)})`,
  );
  return state.plan.map((planned, i) => {
    const seen = planned.cell === undefined ? undefined : bad.get(planned.cell);
    if (!seen || planned.cell === undefined) return planned;
    return revise(planned, seen, Number(filled[`n${i}`]), state.counts.get(planned.cell), state.drift);
  });
}

// DuckDB's default of 122,880 rows a group keeps memory flat and lets readers skip; level 3 is zstd's own default.
const PARQUET = `FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE 122880`;

/** Writes the rows of `select` to a Parquet file in their order and returns their number. */
export async function writeParquet(session: Session, select: string, path: string): Promise<number> {
  const { Count } = await session.one(`COPY (${select}) TO ${literal(path)} (${PARQUET})`);
  return Number(Count);
}
