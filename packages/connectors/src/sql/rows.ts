import { createHash } from 'node:crypto';
import { isDeleted, throwIfAborted, tooLarge } from '@songhua/connector-sdk';
import { OPERATIONS } from '@songhua/contracts';
import { DEFAULT_LIMITS, RowWriter, type TableBatch } from '@songhua/formats';
import type { Described } from './columns.js';
import type { SqlReading } from './config.js';
import { createRowsDigest } from './digest.js';
import type { ReadPlan } from './statement.js';
import type { Cell } from './types.js';

export interface RowsOptions {
  described: Described;
  config: SqlReading;
  /** Deleted rows become operations; otherwise they are left out. */
  operations: boolean;
  /** The rows have a mark (see `ReadPlan.marked`). */
  marked: boolean;
  /** The largest cursor value, whose largest key is wanted. */
  value: string | undefined;
  maxBytes: number;
  signal: AbortSignal;
}

export interface Totals {
  rows: number;
  bytes: number;
  /** Of the canonical CSV. */
  sha256: string;
  /** Digests of all rows that came, and of the marked ones. */
  all: string;
  again: string;
  /** The largest key among the rows of `value`. */
  key: string | undefined;
}

/** The columns that a plan must select for `writeRows`: the published ones, then those that steer. */
export const selected = ({ columns, softDelete, cursor, key }: Described): ReadPlan['columns'] =>
  [...columns, softDelete, cursor, key].filter((column) => column !== undefined);

/** Turns rows of the source into canonical batches, holding at most the rows given at once and one batch. */
export async function* writeRows(
  source: AsyncIterable<Cell[][]>,
  options: RowsOptions,
): AsyncGenerator<TableBatch, Totals> {
  const { described, config, operations, marked, signal, maxBytes } = options;
  const published = described.columns.length;
  const steering = [described.softDelete, described.cursor, described.key];
  const [deletedAt, cursorAt, keyAt] = steering.map((column, index) =>
    column ? published + steering.slice(0, index).filter((one) => one !== undefined).length : -1,
  ) as [number, number, number];
  const first = operations ? 1 : 0;
  const writer = new RowWriter({
    name: described.source.name,
    columns: published + first,
    limits: DEFAULT_LIMITS,
    encoding: 'utf-8',
    fieldOf: (column) => described.names[column - first]?.name,
  });
  const hash = createHash('sha256');
  const [all, again] = [createRowsDigest(), createRowsDigest()];
  let line = 0;
  let bytes = 0;
  let key: string | undefined;
  const count = (batch: TableBatch): TableBatch => {
    if (batch.type === 'rows') {
      bytes += batch.csv.length;
      hash.update(batch.csv);
      if (bytes > maxBytes) throw tooLarge(maxBytes);
    }
    return batch;
  };

  for await (const rows of source) {
    throwIfAborted(signal);
    for (const row of rows) {
      line++;
      const mark = marked ? row.pop() : undefined;
      if (mark === '1') again.add(row);
      all.add(row);
      if (keyAt >= 0 && row[cursorAt] === options.value) key = row[keyAt] ?? undefined;
      const deleted = deletedAt >= 0 && isDeleted(row[deletedAt] ?? null, config.softDelete);
      if (deleted && !operations) continue;
      const cells = row.slice(0, published).map((cell) => cell ?? '');
      if (operations) cells.unshift(deleted ? OPERATIONS.delete : OPERATIONS.put);
      writer.write(cells, { line });
    }
    for (const batch of writer.take()) yield count(batch);
  }
  throwIfAborted(signal);
  for (const batch of writer.finish()) yield count(batch);
  return { rows: writer.rows, bytes, sha256: hash.digest('hex'), all: all.value(), again: again.value(), key };
}
