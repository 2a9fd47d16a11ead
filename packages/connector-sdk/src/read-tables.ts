import { createHash } from 'node:crypto';
import { MAX_BATCH_BYTES, type SourceColumn } from '@songhua/contracts';
import { type Decision, encodingName, type Limits, openTables, type TableReader } from '@songhua/formats';
import { z } from 'zod';
import { shiftRuns, unifyColumns } from './columns.js';
import { cutRows } from './cut-rows.js';
import { type DetectionMemory, detectionOf, headOf, holds, rememberedHints } from './detection.js';
import { sourceError, throwIfAborted } from './errors.js';
import { readingLimits, readingLimitsSchema } from './reading-limits.js';
import { remapCsv } from './remap.js';
import type { ReadContext, SourceMessage, StreamInfo } from './types.js';

export interface LocalFile {
  name: string;
  path: string;
}

function isEncoding(label: string): boolean {
  try {
    return encodingName(label) !== '';
  } catch {
    return false;
  }
}

/** What every kind that reads files lets its config say about reading them; what is left out is found from the content. */
export const readingOptionsSchema = z.object({
  /** WHATWG label, e.g. `gb18030`. */
  encoding: z
    .string()
    .refine(isEncoding, 'expected the name of an encoding, such as utf-8, gb18030 or big5')
    .optional(),
  delimiter: z.string().min(1).max(2).optional(),
  quote: z.string().max(1).optional(),
  headerRows: z.int().min(0).max(100).optional(),
  preambleRows: z.int().min(0).max(10_000).optional(),
  /** Where the records of JSON or XML are, e.g. `/result/records`. */
  recordPath: z.string().max(1000).optional(),
  /** Widths of the columns of text that has no delimiter. */
  fixedWidth: z
    .strictObject({
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
  /** How the files were read before; takes how they are read now. */
  memory?: DetectionMemory;
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

/** Reads the tables of `files`, in order, as one table whose columns are matched by name: yields `start`, then `rows`, `rejected` and `lines`. */
export async function* readTables(files: LocalFile[], reading: Reading): AsyncGenerator<SourceMessage, void> {
  const { signal } = reading;
  throwIfAborted(signal);
  const opened: OpenedFile[] = [];
  for (const [file, source] of files.entries()) opened.push({ file, ...(await openAgain(source, reading)) });
  const { columns, mappings } = unifyColumns(opened.map(({ table }) => sourceColumns(table)));
  yield { type: 'start', columns, decisions: decisionsOf(files, opened) };

  let rows = 0;
  for (const [index, { file, table, head }] of opened.entries()) {
    const mapping = mappings[index];
    const firstRow = rows;
    for await (const batch of table.batches(signal)) {
      throwIfAborted(signal);
      if (batch.type === 'rejected') {
        yield { type: 'rejected', rows: batch.rows.map((row) => ({ ...row, file })) };
        continue;
      }
      if (batch.lines.length > 0) yield { type: 'lines', runs: shiftRuns(batch.lines, firstRow, file) };
      rows += batch.rows;
      if (mapping === undefined) yield { type: 'rows', csv: batch.csv, rows: batch.rows };
      else for (const part of cutRows(remapCsv(batch.csv, mapping), MAX_BATCH_BYTES)) yield { type: 'rows', ...part };
    }
    const name = files[file]?.name ?? table.name;
    if (head !== undefined) reading.memory?.keep(detectionOf(name, head, table), table.decisions);
  }
  throwIfAborted(signal);
}

/** The streams of `files`: one, with the columns of all of them. */
export async function streamsOf(files: LocalFile[], reading: Reading): Promise<StreamInfo[]> {
  const opened: OpenedFile[] = [];
  for (const [file, source] of files.entries()) {
    throwIfAborted(reading.signal);
    opened.push({ file, table: await openTable(source, reading) });
  }
  const [first] = files;
  if (first === undefined) return [];
  const { columns } = unifyColumns(opened.map(({ table }) => sourceColumns(table)));
  return [{ name: first.name, columns, decisions: decisionsOf(files, opened) }];
}

const sourceColumns = (table: TableReader): SourceColumn[] => table.columns;

interface OpenedFile {
  /** Index into the files. */
  file: number;
  table: TableReader;
  /** Fingerprint of its head, where that is to be remembered. */
  head?: string;
}

/** The decisions on the first file, and those on others that are not the same. */
function decisionsOf(files: LocalFile[], opened: OpenedFile[]): Decision[] {
  const first = opened[0]?.table.decisions ?? [];
  const same = (a: Decision) => first.some((b) => a.what === b.what && a.value === b.value);
  const others = opened
    .slice(1)
    .flatMap(({ file, table }) =>
      table.decisions
        .filter((decision) => !same(decision))
        .map((decision) => ({ ...decision, evidence: `${files[file]?.name}: ${decision.evidence}` })),
    );
  return [...first, ...others];
}

/** Opens a file as it was read before when its head is the same; otherwise, and when that no longer holds, finds out afresh. */
async function openAgain(file: LocalFile, reading: Reading): Promise<Omit<OpenedFile, 'file'>> {
  const { memory, options } = reading;
  if (memory === undefined) return { table: await openTable(file, reading) };
  const head = await headOf(file.path);
  const before = memory.recall(file.name);
  const hints = rememberedHints(before, head);
  if (before !== undefined && hints !== undefined) {
    const table = await openTable(file, { ...reading, options: { ...hints, ...options } });
    if (holds(before, table)) return { table, head };
  }
  return { table: await openTable(file, reading), head };
}

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
