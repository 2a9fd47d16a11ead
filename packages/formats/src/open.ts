import { type Clock, createClock, timedSource, timedTable } from './clock.js';
import { nestedArchive, openArchive } from './container/archive.js';
import { fileSource } from './container/file.js';
import { gunzipSource, isGzip } from './container/gzip.js';
import { isZip, listZip } from './container/zip.js';
import { emptySource, unknownFormat } from './errors.js';
import { type Limits, limitsOf } from './limits.js';
import { FIXED_WIDTH, FORMATS, workbookFormat } from './recognize.js';
import type { ByteSource, Decision, Format, ReadOptions, TableReader, TableSource } from './types.js';

/** What detection looks at before it reads anything else. */
const HEAD_BYTES = 64 * 1024;
// A compressed file in an archive is usual; an archive in an archive is what bombs are made of.
const DEEPEST = 1;

interface Opening {
  options: ReadOptions;
  limits: Limits;
  clock: Clock;
  decisions: Decision[];
  depth: number;
}

/**
 * Opens a local file as its tables: one for CSV, one a sheet or entry for workbooks and archives. Reads the head of text, and the
 * whole of JSON and XML, whose columns only their end tells; rows are read by `batches`.
 * Throws SonghuaError with a code of FORMAT_ERRORS.
 */
export async function openTables(source: TableSource, options: ReadOptions = {}): Promise<TableReader[]> {
  const limits = limitsOf(options.limits);
  const clock = createClock(source.name, limits.timeMs);
  const tables = await clock.during(async () =>
    open(timedSource(await fileSource(source), clock), { options, limits, clock, decisions: [], depth: 0 }),
  );
  return tables.map((table) => timedTable(table, clock));
}

async function open(packed: ByteSource, opening: Opening): Promise<TableReader[]> {
  const { options, limits, clock, decisions } = opening;
  const source = await unpacked(packed, limits, decisions);
  const head = await source.head(HEAD_BYTES);
  if (head.length === 0) throw emptySource(source.name);
  if (source !== packed && isGzip(head)) throw nestedArchive(source.name);
  if (isZip(head)) return openZip(source, head, opening);
  if (options.fixedWidth !== undefined) {
    decisions.push({ what: 'format', value: FIXED_WIDTH.name, evidence: 'told', confidence: 1 });
    return FIXED_WIDTH.open({ source, head, options, limits, clock, decisions });
  }
  for (const format of FORMATS) {
    const evidence = format.recognize(head);
    if (evidence !== undefined) return openAs(format, evidence, source, head, opening);
  }
  throw unknownFormat(source.name);
}

function openAs(
  format: Format,
  evidence: string,
  source: ByteSource,
  head: Buffer,
  { options, limits, clock, decisions }: Opening,
): Promise<TableReader[]> {
  decisions.push({ what: 'format', value: format.name, evidence, confidence: 0.9 });
  return format.open({ source, head, options, limits, clock, decisions });
}

/** Looks through a compressed file by its content, whatever its name says. */
async function unpacked(source: ByteSource, limits: Limits, decisions: Decision[]): Promise<ByteSource> {
  if (!isGzip(await source.head(HEAD_BYTES))) return source;
  decisions.push({ what: 'container', value: 'gzip', evidence: 'begins with its signature', confidence: 1 });
  return gunzipSource(source, limits, HEAD_BYTES);
}

/** A ZIP is a workbook, another office document, or an archive of files; its directory tells. */
async function openZip(source: ByteSource, head: Buffer, opening: Opening): Promise<TableReader[]> {
  const { limits, clock, decisions, depth } = opening;
  const copy = await source.local();
  try {
    const listing = await listZip(copy.path, source.name, limits);
    const workbook = workbookFormat(listing.entries.map((entry) => entry.path));
    if (workbook !== undefined) return await openAs(workbook, 'its parts are there', source, head, opening);
    const compressed = decisions.some((decision) => decision.what === 'container');
    if (depth >= DEEPEST || compressed) throw nestedArchive(source.name);
    const container: Decision = {
      what: 'container',
      value: 'zip',
      evidence: 'begins with its signature',
      confidence: 1,
    };
    return await openArchive({ source, path: copy.path, listing, limits, clock }, (entry) =>
      open(entry, { ...opening, decisions: [...decisions, container, listing.names], depth: depth + 1 }),
    );
  } finally {
    await copy.release();
  }
}
