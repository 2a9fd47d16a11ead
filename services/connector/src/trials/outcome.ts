import { createReadStream } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { type DatasetSpec, type RejectedRow, rejectedRowSchema } from '@songhua/contracts';
import type { Column, SyncMode } from '@songhua/domain';
import { readNdjsonGz } from '@songhua/runtime/ndjson';
import { linesOf, type NormalizeInput, type NormalizeResult, rulesOf, type Tables } from '@songhua/tables';
import type { Sample } from './sample.js';

/** What is known of the dataset that a trial is for; the schema of its present version fixes types that are not declared. */
export interface TrialDataset {
  spec: Pick<DatasetSpec, 'columns' | 'blanks' | 'primaryKey' | 'schemaPolicy' | 'guards'> | undefined;
  columns: Column[] | undefined;
}

// Of a source whose dataset is not declared yet, all is shown.
const UNDECLARED: NonNullable<TrialDataset['spec']> = {
  primaryKey: [],
  schemaPolicy: 'hold',
  guards: { maxRejected: 1, maxShrink: 1 },
};
const ALL_GUARDS = ['schema', 'rejected', 'shrink'];

/** What a refresh would be given of `sample`, with the dataset's own policy and guards. */
export async function inputOf(
  sample: Sample,
  dataset: TrialDataset,
  mode: SyncMode,
  folder: string,
): Promise<NormalizeInput> {
  const { spec } = dataset;
  const fixed = dataset.columns?.filter(({ name }) => sample.columns.some((column) => column.name === name));
  const present = fixed && { declared: fixed.map(({ name, type }) => ({ name, type })) };
  return {
    parts: [sample.part],
    columns: sample.columns,
    files: sample.files,
    lines: linesOf(sample.lines),
    rows: sample.rows,
    readerRejected: Object.values(sample.rejectedByCode).reduce((sum, n) => sum + n, 0),
    mode,
    scope: sample.scope ?? (mode === 'full' ? 'all' : 'part'),
    operations: sample.operations,
    reset: false,
    ...present,
    ...rulesOf(spec ?? UNDECLARED),
    overrides: [],
    out: await mkdtemp(join(folder, 'out-')),
  };
}

/** The table that the rows would make, whatever the guards say. */
export const regardless = (input: NormalizeInput): NormalizeInput => ({
  ...input,
  schemaPolicy: 'evolve',
  overrides: ALL_GUARDS,
});

/** The first rows of what would be published. */
export async function firstRows(
  tables: Tables,
  result: NormalizeResult,
  limit: number,
): Promise<Record<string, unknown>[]> {
  const parquet = result.files.find(({ name }) => name === 'data.parquet');
  return parquet ? (await tables.rows(parquet.path, { limit, offset: 0, where: {} })).rows : [];
}

/** The first rejected rows, those of the reader before those of normalizing. Lines are known only of a source read to its end. */
export async function firstRejected(
  sample: Sample,
  result: NormalizeResult,
  limit: number,
): Promise<(Omit<RejectedRow, 'line' | 'file'> & { line?: number })[]> {
  const rows = sample.rejected.slice(0, limit).map(({ file: _, ...row }) => row as { line?: number } & typeof row);
  if (!result.rejected) return rows;
  for await (const rejected of readNdjsonGz(createReadStream(result.rejected.path), rejectedRowSchema)) {
    if (rows.length >= limit) break;
    const { file: _, line, ...row } = rejected;
    rows.push({ ...row, ...(sample.complete && { line }) } as (typeof rows)[number]);
  }
  return rows;
}

/** Rejected rows by reason, of reading and of normalizing. */
export function rejectedByCode(sample: Sample, result: NormalizeResult): Record<string, number> {
  const all = { ...sample.rejectedByCode };
  for (const [code, n] of Object.entries(result.rejected?.byCode ?? {})) all[code] = (all[code] ?? 0) + n;
  return all;
}
