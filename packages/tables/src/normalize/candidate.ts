import { SonghuaError } from '@songhua/domain';
import type { Session } from '../engine.js';
import { ident, literal } from '../sql.js';
import { decimalWidth } from '../values/decimal.js';
import type { CellRows } from './cells.js';
import { type ClassCounts, type ClassifiedColumn, classify } from './classify.js';
import { decideType, surelyText } from './infer.js';
import { badRows, type Forms, goodRows, type PlannedColumn } from './plan.js';
import { reviseTypes, sameTypes, withType } from './revise.js';
import type { Drift } from './schema.js';

// A sample must hold more than the hundredth of all rows that may be misfits, or it can never prove a column to be text.
const SAMPLE_ROWS = 128;
const SAMPLE_SHARE = 0.02;
// Each try loosens at least one column, and a column goes at most integer → decimal → wider → text.
const MAX_TRIES = 5;
// Up to here binding a long statement costs more than running it twice.
const SMALL_ROWS = 50_000;

/** Where the rows that parse go. */
export interface GoodRows {
  /** Takes the rows of `select` in place of those taken before; returns their number. */
  take(select: string, plan: readonly PlannedColumn[]): Promise<number>;
  /** Values that are not NULL in each column of the rows taken last. */
  filled(plan: readonly PlannedColumn[]): Promise<number[]>;
}

/** How many rows parsed, and how many are in the table `bad` (`_row`, `_fields`, cells). */
export interface Candidate {
  plan: PlannedColumn[];
  /** What was read: a relation of cells. */
  relation: string;
  good: number;
  bad: number;
}

interface Sample {
  relation: string;
  counts: Map<number, ClassCounts>;
}

const cellsToInfer = (plan: readonly PlannedColumn[]): ClassifiedColumn[] =>
  plan.flatMap(({ basis, cell, blanks }) =>
    basis === 'inferred' && cell !== undefined ? [{ cell, blanks: blanks.typed }] : [],
  );

/** Declared decimals of any width: the sample tells it, as DECIMAL(38) costs six times DECIMAL(18). */
const cellsToMeasure = (plan: readonly PlannedColumn[]): ClassifiedColumn[] =>
  plan.flatMap(({ basis, cell, column, blanks, held }) =>
    basis === 'declared' && column.type === 'decimal' && cell !== undefined && !held
      ? [{ cell, blanks: blanks.typed }]
      : [],
  );

/** The type that the sample gives a column which is not fixed. */
function guess(planned: PlannedColumn, seen: ClassCounts | undefined): PlannedColumn {
  const { basis, column } = planned;
  if (!seen || basis === 'fixed' || planned.held) return planned;
  if (basis === 'inferred') return withType(planned, decideType(seen, column.name));
  const width = column.type === 'decimal' ? decimalWidth(seen.whole, seen.scale) : undefined;
  const { unit } = planned.unitFixed ? column : decideType(seen, column.name);
  return width ? withType(planned, { type: 'decimal', ...width, ...(unit && { unit }) }) : planned;
}

/** Classifies a sample, and all of what a sample cannot settle. The sample stands for the files when it holds every row. */
async function sampleRows(session: Session, cells: CellRows, plan: PlannedColumn[]): Promise<Sample> {
  const relation = cells.all;
  const inferred = cellsToInfer(plan);
  const sampled = [...inferred, ...cellsToMeasure(plan)];
  const size = SAMPLE_ROWS + Math.ceil(cells.rows * SAMPLE_SHARE);
  const whole = cells.rows <= size;
  if (!whole && sampled.length === 0) return { relation, counts: new Map() };
  // One more than announced, so that a surplus shows.
  const limit = whole ? cells.rows + 1 : size;
  await session.run(`CREATE OR REPLACE TEMP TABLE sample AS SELECT * FROM ${cells.first} LIMIT ${limit}`);
  const counts = await classify(session, 'sample', sampled);
  if (whole) return { relation: 'sample', counts };
  const open = inferred.filter(({ cell }) => {
    const seen = counts.get(cell);
    return seen !== undefined && decideType(seen, '').type === 'string' && !surelyText(seen, cells.rows);
  });
  for (const [cell, exact] of await classify(session, relation, open)) counts.set(cell, exact);
  return { relation, counts };
}

function formsFor(cells: CellRows, plan: readonly PlannedColumn[], sample: Sample): Forms {
  if (cells.rows > SMALL_ROWS) return 'every';
  const usual = plan.every(
    ({ cell, column }) =>
      cell === undefined || column.type === 'string' || (sample.counts.get(cell)?.unusual ?? 0) === 0,
  );
  return usual ? 'plain' : 'every';
}

/** The error of landed rows that are more or fewer than announced. */
export function corrupt(landed: { rows: number }, found: number): SonghuaError {
  return new SonghuaError(
    'landing.corrupt',
    `The landed files hold ${found} rows, the sync announced ${landed.rows}; sync the dataset again`,
    { details: { expected: landed.rows, found } },
  );
}

/**
 * Parses every row into `good`, in source order, or the table `bad`. Types are decided over all rows: guessed from a
 * sample, then proved by the full pass, whose misfits are exactly what the guess must answer for; a guess that fails is decided again.
 * Retyped fixed columns are added to `drift`.
 */
export async function buildCandidate(
  session: Session,
  cells: CellRows,
  start: { plan: PlannedColumn[]; drift: Drift; good: GoodRows },
): Promise<Candidate> {
  const sample = await sampleRows(session, cells, start.plan);
  const { relation, counts } = sample;
  const { carried } = cells;
  let plan = start.plan.map((planned) =>
    guess(planned, planned.cell === undefined ? undefined : counts.get(planned.cell)),
  );
  if (formsFor(cells, plan, sample) === 'plain') {
    const good = await start.good.take(goodRows(plan, relation, { forms: 'plain', carried }), plan);
    if (good === cells.rows) return { plan, relation, good, bad: 0 };
  }
  for (let tries = 1; ; tries++) {
    const good = await start.good.take(goodRows(plan, relation, { forms: 'every', carried }), plan);
    if (good > cells.rows) throw corrupt(cells, good);
    if (good === cells.rows) {
      // What an earlier, stricter try refused is good now.
      await session.run('DROP TABLE IF EXISTS bad');
      return { plan, relation, good, bad: 0 };
    }
    await session.runNarrow(`CREATE OR REPLACE TEMP TABLE bad AS ${badRows(plan, cells.numbered(relation))}`);
    const bad = Number((await session.one('SELECT count(*) AS n FROM bad')).n);
    if (good + bad !== cells.rows) throw corrupt(cells, good + bad);
    const filled = await start.good.filled(plan);
    const revised = await reviseTypes(session, { plan, counts, drift: start.drift, filled });
    if (sameTypes(plan, revised) || tries === MAX_TRIES) return { plan, relation, good, bad };
    plan = revised;
  }
}

// DuckDB's default of 122,880 rows a group keeps memory flat and lets readers skip; level 3 is zstd's own default.
const PARQUET = `FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, ROW_GROUP_SIZE 122880`;

/** Writes the rows of `select` to a Parquet file in their order and returns their number. */
export async function writeParquet(session: Session, select: string, path: string): Promise<number> {
  const { Count } = await session.one(`COPY (${select}) TO ${literal(path)} (${PARQUET})`);
  return Number(Count);
}

const countEach = (plan: readonly PlannedColumn[]): string =>
  plan.map(({ column }, i) => `count(${ident(column.name)}) AS n${i}`).join(', ');

const countsOf = (plan: readonly PlannedColumn[], row: Record<string, unknown>): number[] =>
  plan.map((_, i) => Number(row[`n${i}`]));

/** Good rows as a Parquet file at `path`. */
export const parquetRows = (session: Session, path: string): GoodRows => ({
  take: (select) => writeParquet(session, select, path),
  filled: async (plan) =>
    countsOf(plan, await session.one(`SELECT ${countEach(plan)} FROM read_parquet(${literal(path)})`)),
});

/** Good rows counted and not kept. */
export function countedRows(session: Session): GoodRows {
  let counts: number[] = [];
  return {
    async take(select, plan) {
      const row = await session.one(`SELECT count(*) AS n, ${countEach(plan)} FROM (${select})`);
      counts = countsOf(plan, row);
      return Number(row.n);
    },
    filled: () => Promise.resolve(counts),
  };
}
