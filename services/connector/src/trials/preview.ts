import type { RejectedRow, SourceColumn } from '@songhua/contracts';
import type { Column } from '@songhua/domain';
import { firstRejected, firstRows, inputOf, regardless, rejectedByCode } from './outcome.js';
import { countOf, readSample, type Sample } from './sample.js';
import type { Attempt } from './trials.js';

/** The first rows as the public would see them. */
export interface Preview {
  columns: (Column & Pick<SourceColumn, 'source'>)[];
  /** After normalization: typed, renamed, without the rejected ones. */
  rows: Record<string, unknown>[];
  rejected: (Omit<RejectedRow, 'line' | 'file'> & { line?: number })[];
  rejectedCount: number;
  /** How many rows were read to see this; of the whole source when `complete`. Types are judged by these rows. */
  rowsRead: number;
  complete: boolean;
  /** How the source is read: what was found, on which evidence, how surely. */
  decisions: Sample['decisions'];
}

// Types and keys show within this many rows, and a person does not wait for more.
export const PREVIEW = { rows: 2_000, bytes: 4 * 1024 * 1024 };

export async function preview({ spec, kind, context, dataset, rows, tables }: Attempt): Promise<Preview> {
  const sample = await readSample(kind, context, PREVIEW);
  const known = { spec: dataset?.spec, columns: dataset?.current?.schema.columns };
  const engine = await tables();
  // A key may come again beyond the sample, and in it nothing is merged with what is published.
  const mode = sample.operations ? spec.mode : 'full';
  const result = await engine.normalize(regardless(await inputOf(sample, known, mode, context.tempDir)));
  return {
    columns: result.schema.columns.map((column) => ({ ...column, source: column.source ?? column.name })),
    rows: await firstRows(engine, result, rows),
    rejected: await firstRejected(sample, result, rows),
    rejectedCount: countOf(rejectedByCode(sample, result)),
    rowsRead: sample.rows + countOf(sample.rejectedByCode),
    complete: sample.complete,
    decisions: sample.decisions,
  };
}
