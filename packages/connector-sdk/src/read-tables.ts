import { createHash } from 'node:crypto';
import type { LineRun, SourceColumn } from '@songhua/contracts';
import { type Limits, openTables, type TableReader } from '@songhua/formats';
import { z } from 'zod';
import { shiftRuns, unifyColumns } from './columns.js';
import { sourceError, throwIfAborted } from './errors.js';
import { readingLimits, readingLimitsSchema } from './reading-limits.js';
import { remapCsv } from './remap.js';
import type { ReadContext, SourceMessage, StreamInfo } from './types.js';

export interface LocalFile {
  name: string;
  path: string;
}

/** What every kind that reads files lets its config say about reading them; what is left out is found from the content. */
export const readingOptionsSchema = z.object({
  /** WHATWG label, e.g. `gb18030`. */
  encoding: z.string().optional(),
  delimiter: z.string().min(1).max(2).optional(),
  quote: z.string().max(1).optional(),
  headerRows: z.int().min(0).max(100).optional(),
  preambleRows: z.int().min(0).max(10_000).optional(),
  /** Where the records of JSON or XML are, e.g. `/result/records`. */
  recordPath: z.string().max(1000).optional(),
  /** Widths of the columns of text that has no delimiter. */
  fixedWidth: z
    .object({
      widths: z.array(z.int().min(1).max(100_000)).min(1).max(16_384),
      unit: z.enum(['characters', 'bytes']).default('characters'),
    })
    .optional(),
  /** Which table of a workbook or archive, by its name. */
  table: z.string().optional(),
  /** How large the source may be in each dimension, within what the operator allows. */
  limits: readingLimitsSchema.optional(),
});
export type ReadingOptions = z.infer<typeof readingOptionsSchema>;

export interface Reading {
  options: ReadingOptions;
  signal: AbortSignal;
  /** Of each file. */
  limits: Partial<Limits>;
}

/** The reading that a context asks for. */
export const readingFor = (context: ReadContext<ReadingOptions>): Reading => ({
  options: context.config,
  signal: context.signal,
  limits: readingLimits(context.config.limits ?? {}, context.limits),
});

// Raised when the same bytes would be read as other rows than before, so that nothing counts as unchanged across it.
const READER_VERSION = 1;

/** Fingerprint of how a source is read: a cursor of another way of reading says nothing about this one. */
export function readingOf(config: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify([READER_VERSION, config]))
    .digest('hex')
    .slice(0, 16);
}

/**
 * Reads the tables of `files`, in order, as one table whose columns are matched by name: yields `start`, then `rows` and `rejected`,
 * and returns the line runs for `end`.
 */
export async function* readTables(files: LocalFile[], reading: Reading): AsyncGenerator<SourceMessage, LineRun[]> {
  const { signal } = reading;
  throwIfAborted(signal);
  const opened: { file: number; table: TableReader }[] = [];
  for (const [file, source] of files.entries()) opened.push({ file, table: await openTable(source, reading) });
  const { columns, mappings } = unifyColumns(opened.map(({ table }) => sourceColumns(table)));
  yield { type: 'start', columns };

  const lines: LineRun[] = [];
  let rows = 0;
  for (const [index, { file, table }] of opened.entries()) {
    const mapping = mappings[index];
    const firstRow = rows;
    for await (const batch of table.batches(signal)) {
      throwIfAborted(signal);
      if (batch.type === 'rejected') {
        yield { type: 'rejected', rows: batch.rows.map((row) => ({ ...row, file })) };
        continue;
      }
      lines.push(...shiftRuns(batch.lines, firstRow, file));
      rows += batch.rows;
      yield { type: 'rows', csv: mapping ? remapCsv(batch.csv, mapping) : batch.csv, rows: batch.rows };
    }
  }
  throwIfAborted(signal);
  return lines;
}

/** The streams of `files`: one, with the columns of all of them. */
export async function streamsOf(files: LocalFile[], reading: Reading): Promise<StreamInfo[]> {
  const tables: TableReader[] = [];
  for (const file of files) {
    throwIfAborted(reading.signal);
    tables.push(await openTable(file, reading));
  }
  const [first] = files;
  if (first === undefined) return [];
  return [{ name: first.name, columns: unifyColumns(tables.map(sourceColumns)).columns }];
}

const sourceColumns = (table: TableReader): SourceColumn[] => table.columns;

async function openTable(file: LocalFile, reading: Reading): Promise<TableReader> {
  const { table: name, encoding, delimiter, quote, headerRows, preambleRows, recordPath, fixedWidth } = reading.options;
  const tables = await openTables(file, {
    limits: reading.limits,
    ...(encoding === undefined ? {} : { encoding }),
    ...(delimiter === undefined ? {} : { delimiter }),
    ...(quote === undefined ? {} : { quote }),
    ...(headerRows === undefined ? {} : { headerRows }),
    ...(preambleRows === undefined ? {} : { preambleRows }),
    ...(recordPath === undefined ? {} : { recordPath }),
    ...(fixedWidth === undefined ? {} : { fixedWidth }),
  });
  const wanted = name === undefined ? tables : tables.filter((table) => table.name === name);
  const [only] = wanted;
  if (only !== undefined && wanted.length === 1) return only;
  const names = tables.map((table) => table.name).slice(0, 20);
  throw sourceError(
    'source.ambiguous',
    `${file.name} holds the tables ${JSON.stringify(names)}, expected one; say which in the connector's config as \`table\``,
    { details: { file: file.name } },
  );
}
