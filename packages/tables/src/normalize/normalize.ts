import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assertReconciled, identityAfter, type RowCounts, type TableSchema } from '@songhua/domain';
import { PARQUET_TYPE, writeChanges } from '../changes.js';
import { findDifference, type TableFile } from '../difference.js';
import type { Session } from '../engine.js';
import { digestOfFile } from '../identity.js';
import { ident } from '../sql.js';
import type { NormalizeInput, NormalizeResult, OutputFile } from '../types.js';
import { buildCandidate, type Candidate, parquetRows, writeParquet } from './candidate.js';
import { type CellRows, landedCells } from './cells.js';
import { guardRejected, guardRemoved, guardShrink } from './guards.js';
import { assertHeld } from './held.js';
import { type Settled, settleFirst, settleLast } from './keys.js';
import { checkMode, lastWins, replaces } from './modes.js';
import { isPut, type Operations, planForOperations, readOperations } from './operations.js';
import type { PlannedColumn } from './plan.js';
import { addBad, addDuplicates, writeRejected } from './rejects.js';
import { checkKey, enforcePolicy, planColumns } from './schema.js';

/** Turns landed rows into the next version of a dataset, or says why there is none; see `Tables.normalize`. */
export async function normalize(session: Session, input: NormalizeInput): Promise<NormalizeResult> {
  checkMode(input);
  const { plan, drift } = planColumns(input);
  checkKey(input, plan);
  enforcePolicy(input, drift);
  const path = join(input.out, 'data.parquet');
  const operations = input.operations ? await readOperations(session, input, plan) : undefined;
  const cells = operations?.cells ?? landedCells(input);
  const candidate = await buildCandidate(session, cells, {
    plan: planRows(input, plan),
    drift,
    good: parquetRows(session, path),
  });
  enforcePolicy(input, drift);

  const schema: TableSchema = { columns: candidate.plan.map(({ column }) => column), primaryKey: input.primaryKey };
  const file: TableFile = { path, columns: schema.columns };
  const before = previousFile(input);
  const whole = replaces(input);
  const stays = whole || operations?.truncates ? undefined : before;
  const settled = await settle(session, input, {
    file,
    rows: candidate.good,
    operations,
    previous: stays,
  });
  await addUnparsed(session, { candidate, cells, settled, operations });
  const rejectedHere = candidate.bad + settled.duplicates.length + (operations?.unknown.rows ?? 0);
  const rejected =
    rejectedHere > 0
      ? await writeRejected(session, input, candidate.plan, join(input.out, 'rejected.ndjson.gz'))
      : undefined;
  guardRejected(input, rejectedHere, rejected?.byCode ?? {});
  if (whole) guardShrink(input, settled.kept);
  if (stays) await assertHeld(session, stays, file);
  if (settled.rows !== undefined) await rewrite(session, settled.rows, path);

  const digest = await digestOfFile(session, file);
  const identity = identityAfter(input.previous, schema, digest);
  const base = { schema, rows: digest.rows, identity, ...(rejected ? { rejected } : {}) };
  const counts = (published: number): RowCounts => ({
    read: input.rows + input.readerRejected,
    published,
    unchanged: settled.kept - published,
    deduplicated: settled.deduplicated + (operations?.undone ?? 0),
    deleted: settled.deleted + (operations?.truncates ?? 0),
    withheld: 0,
    rejected: rejectedHere + input.readerRejected,
  });
  if (identity === input.previous?.identity) {
    await rm(path);
    return { ...base, counts: reconciled(counts(0)), changes: { added: 0, changed: 0, removed: 0 }, files: [] };
  }
  const files: OutputFile[] = [{ name: 'data.parquet', path, mediaType: PARQUET_TYPE }];
  if (!before) {
    return {
      ...base,
      counts: reconciled(counts(settled.kept)),
      changes: { added: digest.rows, changed: 0, removed: 0 },
      files,
    };
  }
  const changes = await findDifference(session, before, file, input.primaryKey);
  if (!whole) guardRemoved(input, changes.removed);
  files.push(await writeChanges(session, before, file, input.out));
  return { ...base, counts: reconciled(counts(changes.added + changes.changed)), changes, files };
}

const previousFile = ({ previous }: NormalizeInput): TableFile | undefined =>
  previous && { path: previous.parquet, columns: previous.schema.columns };

function reconciled(counts: RowCounts): RowCounts {
  assertReconciled(counts);
  return counts;
}

/** `plan` for the rows that this read has, and for those of the previous version that stay. */
function planRows(input: NormalizeInput, plan: readonly PlannedColumn[]): PlannedColumn[] {
  const own = input.operations ? planForOperations(plan, input.primaryKey) : [...plan];
  const stays = !replaces(input) && (input.previous?.rows ?? 0) > 0;
  return stays ? own.map((planned) => (planned.unitFixed ? { ...planned, held: true } : planned)) : own;
}

function settle(
  session: Session,
  input: NormalizeInput,
  read: { file: TableFile; rows: number; operations: Operations | undefined; previous: TableFile | undefined },
): Promise<Settled> {
  const { file, rows, operations, previous } = read;
  const keyed = { rows, previous, primaryKey: input.primaryKey };
  if (!lastWins(input)) return settleFirst(session, file, keyed);
  return settleLast(session, file, { ...keyed, put: operations && isPut(ident(operations.cells.carried.as)) });
}

/** Puts what is rejected though its cells parse beside what does not parse. */
async function addUnparsed(
  session: Session,
  read: { candidate: Candidate; cells: CellRows; settled: Settled; operations: Operations | undefined },
): Promise<void> {
  const { candidate, cells, settled, operations } = read;
  if (operations && operations.unknown.rows > 0) await addBad(session, operations.unknown.relation);
  if (settled.duplicates.length === 0) return;
  const bad = candidate.bad > 0 ? await session.all('SELECT _row FROM bad ORDER BY _row') : [];
  const positions = sourceRows(
    settled.duplicates,
    bad.map((row) => Number(row._row)),
  );
  await addDuplicates(session, cells.numbered(candidate.relation), positions);
}

/** Positions in the source of rows at the given positions among those that are not in `missing`; both ascending. */
export function sourceRows(positions: readonly number[], missing: readonly number[]): number[] {
  let skipped = 0;
  return positions.map((position) => {
    while (skipped < missing.length && (missing[skipped] ?? Infinity) <= position + skipped) skipped++;
    return position + skipped;
  });
}

async function rewrite(session: Session, select: string, path: string): Promise<void> {
  const next = `${path}.next`;
  await writeParquet(session, select, next);
  await rename(next, path);
}
