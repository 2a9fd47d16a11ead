import { createReadStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { RejectedRow } from '@songhua/contracts';
import { type Column, codeOf } from '@songhua/domain';
import { openTables, type ReadOptions, type TableReader, type Warning } from '@songhua/formats';
import { createLineFinder, type Profile, type Tables, wrongType } from '@songhua/tables';
import { siftRecords } from './canonical.js';
import { createCursor } from './cursor.js';
import { checkFile, createFileSink, sha256Of } from './files.js';
import { readRuns } from './lines.js';
import { type Misfit, readMisfits } from './misfits.js';
import { documentName } from './names.js';
import { mergeRejections, type Rejections } from './rejections.js';
import { type SpoolContext, spool } from './spool.js';
import type { InspectDocument, Spooled } from './types.js';

export interface InspectContext extends SpoolContext {
  tables: Tables;
  options: ReadOptions;
  /** Cells that have no value, instead of the usual ones. */
  blanks: readonly string[] | undefined;
  /** A folder for files on the way; on the disk of `out` when there is one. */
  work: string;
  /** Where rows and rejected rows go, and what they are called there. */
  out?: { folder: string; nameOf(path: string, document: string): string };
}

// What a dataset allows that does not say otherwise.
const MAX_REJECTED = 0.1;

/**
 * Reads a local file exactly as the pipeline would: one document for each of its tables. Throws SonghuaError: `usage.file`, a code of
 * FORMAT_ERRORS, or one of `@songhua/tables`.
 */
export async function* inspectFile(path: string, context: InspectContext): AsyncGenerator<InspectDocument> {
  await checkFile(path);
  const stop = new AbortController();
  const hashing = sha256Of(path, AbortSignal.any([stop.signal, context.signal]));
  // Awaited below; when reading fails first, its failure is the one to tell.
  hashing.catch(() => undefined);
  try {
    const readers = await openOrEmpty(path, context.options);
    for (const reader of readers) {
      const file = documentName(path, reader.name, readers.length);
      const table = await inspectTable(reader, context);
      const written = await keep(context, path, file);
      yield { file, ...table, sha256: await hashing, ...(written ? { written } : {}) };
    }
  } finally {
    stop.abort();
  }
}

// What a rejected row shows of itself.
const RAW_CHARS = 2000;
const CHUNK_BYTES = 1024 * 1024;
const KEPT = 'kept.csv';
const MISFITS = 'misfits.csv';
const REJECTED = 'rejected.ndjson';

/** Leaves the rows and the rejected rows of a table in the work folder and tells what they are. */
async function inspectTable(
  reader: TableReader,
  { tables, work, blanks, ...reading }: InspectContext,
): Promise<Omit<InspectDocument, 'file' | 'sha256'>> {
  const spooled = await spool(reader, join(work, 'read'), reading);
  const profile = await profileOf({ tables, blanks }, reader, spooled, join(work, MISFITS));
  const rejections = await sift(spooled, profile, work);
  const rows = spooled.rows - profile.misfits;
  return {
    format: reader.format,
    encoding: reader.encoding,
    dialect: reader.dialect,
    columns: profile.columns.map(({ name, type, nullable, unit }, i) => ({
      name,
      type,
      nullable,
      ...(unit === undefined ? {} : { unit }),
      source: reader.columns[i]?.source ?? '',
    })),
    rows,
    rejected: rejections.first,
    rejectedCount: rejections.count,
    rejectedByCode: rejections.byCode,
    warnings: [...reader.warnings, ...holdWarning(rows, rejections)],
    decisions: reader.decisions,
  };
}

async function profileOf(
  { tables, blanks }: Pick<InspectContext, 'tables' | 'blanks'>,
  { columns }: TableReader,
  { rowsPath: path, rows }: Spooled,
  misfitsPath: string,
): Promise<Profile> {
  if (columns.length === 0) return { columns: [], misfits: 0 };
  return tables.profile({ path, columns, rows, misfitsPath, ...(blanks && { blanks }) });
}

/** Parts the rows from those that do not fit the types, and puts the latter among the reader's rejected ones. */
async function sift(
  { rowsPath, rejectedPath, linesPath }: Spooled,
  { columns, misfits }: Profile,
  work: string,
): Promise<Rejections> {
  const rejectedSink = await createFileSink(join(work, REJECTED));
  const keptSink = misfits === 0 ? undefined : await createFileSink(join(work, KEPT));
  const rejections = mergeRejections(rejectedPath, rejectedSink);
  try {
    if (keptSink) {
      const chunks = createReadStream(rowsPath, { highWaterMark: CHUNK_BYTES });
      const finder = createLineFinder(() => readRuns(linesPath));
      try {
        await siftRecords(chunks, await createCursor(readMisfits(join(work, MISFITS))), {
          keep: (piece) => keptSink.write(piece),
          drop: async (misfit, record) => {
            const { line } = await finder.placeOf(misfit.row);
            await rejections.add(rejectedRow(columns, misfit, line, record));
          },
        });
      } finally {
        await finder.close();
      }
    } else await rename(rowsPath, join(work, KEPT));
    await rejections.finish();
  } finally {
    await rejectedSink.close();
    await keptSink?.close();
  }
  return rejections;
}

function rejectedRow(columns: Column[], { first, wrong }: Misfit, line: number, record: Buffer): RejectedRow[] {
  const column = columns[first];
  if (column === undefined) return [];
  return [{ file: 0, line, ...wrongType(column, wrong), raw: record.toString('utf8').slice(0, RAW_CHARS) }];
}

async function keep({ work, out }: InspectContext, path: string, file: string): Promise<InspectDocument['written']> {
  if (!out) return undefined;
  const base = join(out.folder, out.nameOf(path, file));
  const written = { rows: `${base}.rows.csv`, rejected: `${base}.rejected.ndjson` };
  await rename(join(work, KEPT), written.rows);
  await rename(join(work, REJECTED), written.rejected);
  return written;
}

function holdWarning(rows: number, { count }: Rejections): Warning[] {
  const share = count / Math.max(1, rows + count);
  if (share <= MAX_REJECTED) return [];
  return [
    {
      code: 'guard.rejected',
      message: `${(share * 100).toFixed(1)}% of the rows were rejected: a dataset holds a refresh above ${MAX_REJECTED * 100}% unless its guards say otherwise. 被拒行过多，刷新将等待人工决定`,
    },
  ];
}

/** The tables of a file; for an empty one a table without columns and rows, so that there is something to report. */
async function openOrEmpty(path: string, options: ReadOptions): Promise<TableReader[]> {
  const name = basename(path);
  try {
    return await openTables({ path, name }, options);
  } catch (error) {
    if (codeOf(error) !== 'source.empty') throw error;
    const message = `${(error as Error).message}; a sync would end with source.empty`;
    return [emptyTable(name, { code: 'source.empty', message })];
  }
}

const emptyTable = (name: string, warning: Warning): TableReader => ({
  name,
  format: 'delimited',
  encoding: 'utf-8',
  dialect: { delimiter: '', quote: '', escape: '', lineEnding: 'lf', headerRows: 0, preambleRows: 0 },
  columns: [],
  decisions: [],
  warnings: [warning],
  async *batches() {},
});
