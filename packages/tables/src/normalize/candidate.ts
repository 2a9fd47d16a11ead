import { SonghuaError } from '@songhua/domain';
import type { Session } from '../engine.js';
import { literal } from '../sql.js';
import type { NormalizeInput } from '../types.js';
import { type ClassCounts, classify } from './classify.js';
import { decideType, surelyText } from './infer.js';
import { badRows, type Forms, goodRows, type PlannedColumn } from './plan.js';
import { reviseTypes, sameTypes, withType } from './revise.js';
import type { Drift } from './schema.js';
import { firstRows, landedRows, numbered } from './source.js';

// A sample must hold more than the hundredth of all rows that may be misfits, or it can never prove a column to be text.
const SAMPLE_ROWS = 128;
const SAMPLE_SHARE = 0.02;
// Each try loosens at least one column, and a column goes at most integer → decimal → wider → text.
const MAX_TRIES = 5;
// Up to here binding a long statement costs more than running it twice.
const SMALL_ROWS = 50_000;

/** The file of good rows, and how many rows are in the table `bad` (`_row`, `_fields`, cells). */
export interface Candidate {
  path: string;
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

const cellsToInfer = (plan: readonly PlannedColumn[]): number[] =>
  plan.flatMap(({ basis, cell }) => (basis === 'inferred' && cell !== undefined ? [cell] : []));

/** Classifies a sample, and all of what a sample cannot settle. The sample stands for the files when it holds every row. */
async function sampleRows(session: Session, input: NormalizeInput, plan: PlannedColumn[]): Promise<Sample> {
  const landed = landedRows(input.parts, input.columns.length);
  const inferred = cellsToInfer(plan);
  const size = SAMPLE_ROWS + Math.ceil(input.rows * SAMPLE_SHARE);
  const whole = input.rows <= size;
  if (!whole && inferred.length === 0) return { relation: landed, counts: new Map() };
  // One more than announced, so that a surplus shows.
  const limit = whole ? input.rows + 1 : size;
  const head = firstRows(input.parts, input.columns.length);
  await session.run(`CREATE OR REPLACE TEMP TABLE sample AS SELECT * FROM ${head} LIMIT ${limit}`);
  const counts = await classify(session, 'sample', inferred);
  if (whole) return { relation: 'sample', counts };
  const open = inferred.filter((cell) => {
    const seen = counts.get(cell);
    return seen !== undefined && decideType(seen, '').type === 'string' && !surelyText(seen, input.rows);
  });
  for (const [cell, exact] of await classify(session, landed, open)) counts.set(cell, exact);
  return { relation: landed, counts };
}

function formsFor(input: NormalizeInput, plan: readonly PlannedColumn[], sample: Sample): Forms {
  if (input.rows > SMALL_ROWS) return 'every';
  const usual = plan.every(
    ({ cell, column }) =>
      cell === undefined || column.type === 'string' || (sample.counts.get(cell)?.unusual ?? 0) === 0,
  );
  return usual ? 'plain' : 'every';
}

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
  const sample = await sampleRows(session, input, start.plan);
  const { relation, counts } = sample;
  let plan = start.plan.map((planned) => {
    const seen = planned.basis === 'inferred' && planned.cell !== undefined ? counts.get(planned.cell) : undefined;
    return seen ? withType(planned, decideType(seen, planned.column.name)) : planned;
  });
  if (formsFor(input, plan, sample) === 'plain') {
    const good = await writeParquet(session, goodRows(plan, relation, 'plain'), start.path);
    if (good === input.rows) return { path: start.path, plan, relation, good, bad: 0 };
  }
  for (let tries = 1; ; tries++) {
    const good = await writeParquet(session, goodRows(plan, relation, 'every'), start.path);
    if (good > input.rows) throw corrupt(input, good);
    if (good === input.rows) {
      // What an earlier, stricter try refused is good now.
      await session.run('DROP TABLE IF EXISTS bad');
      return { path: start.path, plan, relation, good, bad: 0 };
    }
    await session.runNarrow(`CREATE OR REPLACE TEMP TABLE bad AS ${badRows(plan, numbered(relation))}`);
    const bad = Number((await session.one('SELECT count(*) AS n FROM bad')).n);
    if (good + bad !== input.rows) throw corrupt(input, good + bad);
    const revised = await reviseTypes(session, { plan, counts, drift: start.drift, path: start.path });
    if (sameTypes(plan, revised) || tries === MAX_TRIES) return { path: start.path, plan, relation, good, bad };
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
