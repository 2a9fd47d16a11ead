import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { assertReconciled, type RowCounts, SonghuaError, type TableSchema, versionIdentity } from '@songhua/domain';
import { differingRows, findDifference, type TableFile } from '../difference.js';
import type { Session } from '../engine.js';
import { digestOfFile } from '../identity.js';
import type { NormalizeInput, NormalizeResult, OutputFile } from '../types.js';
import { buildCandidate, type Candidate, parquetRows, writeParquet } from './candidate.js';
import { guardRejected, guardShrink } from './guards.js';
import { findKeyConflicts, type KeyConflicts, keptRows, mergedRows } from './keys.js';
import { addDuplicates, writeRejected } from './rejects.js';
import { checkKey, enforcePolicy, planColumns } from './schema.js';

const PARQUET_TYPE = 'application/vnd.apache.parquet';

/** Turns landed rows into the next version of a dataset, or says why there is none; see `Tables.normalize`. */
export async function normalize(session: Session, input: NormalizeInput): Promise<NormalizeResult> {
  if (input.mode === 'cdc') {
    throw new SonghuaError('mode.unsupported', 'Sync mode cdc is not read yet; use full, append or merge', {
      actor: 'department',
    });
  }
  const { plan, drift } = planColumns(input);
  checkKey(input, plan);
  enforcePolicy(input, drift);
  const path = join(input.out, 'data.parquet');
  const candidate = await buildCandidate(session, input, { plan, drift, good: parquetRows(session, path) });
  enforcePolicy(input, drift);

  const schema: TableSchema = { columns: candidate.plan.map(({ column }) => column), primaryKey: input.primaryKey };
  const file: TableFile = { path, columns: schema.columns };
  const conflicts = await resolveKeys(session, input, candidate, file);
  const rejectedHere = candidate.bad + conflicts.duplicates.length;
  const rejected =
    rejectedHere > 0
      ? await writeRejected(session, input, candidate.plan, join(input.out, 'rejected.ndjson.gz'))
      : undefined;
  guardRejected(input, rejectedHere, rejected?.byCode ?? {});
  const kept = candidate.good - conflicts.deduplicated - conflicts.duplicates.length;
  guardShrink(input, kept);
  await combine(session, input, file);

  const digest = await digestOfFile(session, file);
  const identity = versionIdentity(schema, digest);
  const base = { schema, rows: digest.rows, identity, ...(rejected ? { rejected } : {}) };
  const counts = (published: number): RowCounts => ({
    read: input.rows + input.readerRejected,
    published,
    unchanged: kept - published,
    deduplicated: conflicts.deduplicated,
    deleted: 0,
    withheld: 0,
    rejected: rejectedHere + input.readerRejected,
  });
  if (identity === input.previous?.identity) {
    await rm(path);
    return { ...base, counts: reconciled(counts(0)), changes: { added: 0, changed: 0, removed: 0 }, files: [] };
  }
  const files: OutputFile[] = [{ name: 'data.parquet', path, mediaType: PARQUET_TYPE }];
  const before = previousFile(input);
  if (!before) {
    return {
      ...base,
      counts: reconciled(counts(kept)),
      changes: { added: digest.rows, changed: 0, removed: 0 },
      files,
    };
  }
  const changes = await findDifference(session, before, file, input.primaryKey);
  const changesPath = join(input.out, 'changes.parquet');
  await writeParquet(
    session,
    differingRows(before, file, (_, value) => value),
    changesPath,
  );
  files.push({ name: 'changes.parquet', path: changesPath, mediaType: PARQUET_TYPE });
  return { ...base, counts: reconciled(counts(changes.added + changes.changed)), changes, files };
}

const previousFile = ({ previous }: NormalizeInput): TableFile | undefined =>
  previous && { path: previous.parquet, columns: previous.schema.columns };

function reconciled(counts: RowCounts): RowCounts {
  assertReconciled(counts);
  return counts;
}

/** Takes out of the file what its keys forbid, and puts the rejected ones among the bad rows. */
async function resolveKeys(
  session: Session,
  input: NormalizeInput,
  candidate: Candidate,
  file: TableFile,
): Promise<KeyConflicts> {
  const conflicts = await findKeyConflicts(session, file, {
    mode: input.mode,
    primaryKey: input.primaryKey,
    previous: previousFile(input),
  });
  if (conflicts.deduplicated + conflicts.duplicates.length === 0) return conflicts;
  const bad = candidate.bad > 0 ? await session.all('SELECT _row FROM bad ORDER BY _row') : [];
  await addDuplicates(
    session,
    candidate.relation,
    sourceRows(
      conflicts.duplicates,
      bad.map((row) => Number(row._row)),
    ),
  );
  await rewrite(session, keptRows(file), file.path);
  return conflicts;
}

/** Positions in the source of rows at the given positions among those that are not in `missing`; both ascending. */
export function sourceRows(positions: readonly number[], missing: readonly number[]): number[] {
  let skipped = 0;
  return positions.map((position) => {
    while (skipped < missing.length && (missing[skipped] ?? Infinity) <= position + skipped) skipped++;
    return position + skipped;
  });
}

/** In append and merge mode, makes the file the whole next version. */
async function combine(session: Session, input: NormalizeInput, file: TableFile): Promise<void> {
  const before = previousFile(input);
  if (input.mode === 'full' || !before) return;
  await rewrite(session, mergedRows(before, file, input.primaryKey), file.path);
}

async function rewrite(session: Session, select: string, path: string): Promise<void> {
  const next = `${path}.next`;
  await writeParquet(session, select, next);
  await rename(next, path);
}
