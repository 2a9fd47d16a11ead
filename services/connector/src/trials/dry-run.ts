import { join } from 'node:path';
import type { Changes, RejectedRow } from '@songhua/contracts';
import { type Column, codeOf, isHold, type Reason, type RowCounts, reasonOf } from '@songhua/domain';
import type { NormalizeInput, NormalizeResult, Tables } from '@songhua/tables';
import { firstRejected, firstRows, inputOf, regardless, rejectedByCode } from './outcome.js';
import { countOf, readSample } from './sample.js';
import type { Attempt } from './trials.js';

/** What a sync now would make of the whole source; nothing is stored. */
export interface DryRun {
  /** `held` and `refused` say why. */
  outcome: 'published' | 'unchanged' | 'held' | 'refused';
  reason: Reason | null;
  /** The version that is served now, which `changes` are against. */
  present: { version: number; rows: number } | null;
  columns: Column[];
  rows: number;
  counts: RowCounts;
  changes: Changes;
  rejectedByCode: Record<string, number>;
  rejectedCount: number;
  /** The first ones. */
  rejected: (Omit<RejectedRow, 'line' | 'file'> & { line?: number })[];
  first: Record<string, unknown>[];
  /** False when the source is larger than what a dry run reads; then this is of its first rows. */
  complete: boolean;
}

const BOUNDS = { rows: 5_000_000, bytes: 1024 ** 3 };
const REFUSALS = new Set(['schema.rejected']);

export async function dryRun(attempt: Attempt): Promise<DryRun> {
  const { spec, kind, context, dataset, rows, store } = attempt;
  const sample = await readSample(kind, context, BOUNDS);
  const tables = await attempt.tables();
  const current = dataset?.current ?? null;
  const input = await inputOf(sample, { spec: dataset?.spec, columns: undefined }, spec.mode, context.tempDir);
  if (current) {
    const parquet = join(context.tempDir, 'present.parquet');
    await store.download(current.parquetKey, parquet);
    const { schema, identity } = current;
    input.previous = { schema, identity, rows: current.rows, parquet };
  }
  const { result, reason } = await guarded(tables, input);
  const byCode = rejectedByCode(sample, result);
  const unchanged = current !== null && result.identity === current.identity;
  return {
    outcome: reason ? (isHold(reason.code) ? 'held' : 'refused') : unchanged ? 'unchanged' : 'published',
    reason,
    present: current && { version: current.version, rows: current.rows },
    columns: result.schema.columns,
    rows: result.rows,
    counts: result.counts,
    changes: result.changes,
    rejectedByCode: byCode,
    rejectedCount: countOf(byCode),
    rejected: await firstRejected(sample, result, rows),
    first: await firstRows(tables, result, rows),
    complete: sample.complete,
  };
}

/** The table, and why a refresh would not publish it. */
async function guarded(
  tables: Tables,
  input: NormalizeInput,
): Promise<{ result: NormalizeResult; reason: Reason | null }> {
  try {
    return { result: await tables.normalize(input), reason: null };
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (!isHold(code) && !REFUSALS.has(code)) throw error;
    const reason = reasonOf(error);
    try {
      return { result: await tables.normalize(regardless(input)), reason };
    } catch {
      // A required column is missing: there is no table to show.
      throw error;
    }
  }
}
