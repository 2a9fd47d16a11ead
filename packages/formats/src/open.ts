import { fileSource } from './container/file.js';
import { gunzipSource, isGzip } from './container/gzip.js';
import { emptySource, formatError } from './errors.js';
import { type Limits, limitsOf } from './limits.js';
import { FORMATS } from './recognize.js';
import type { ByteSource, Decision, ReadOptions, TableReader, TableSource } from './types.js';

/** What detection looks at before it reads anything else. */
const HEAD_BYTES = 64 * 1024;

/**
 * Opens a local file as its tables, one for CSV. Detection reads the head only; rows are read by `batches`.
 * Throws SonghuaError with a code of FORMAT_ERRORS.
 */
export async function openTables(source: TableSource, options: ReadOptions = {}): Promise<TableReader[]> {
  const limits = limitsOf(options.limits);
  const decisions: Decision[] = [];
  const bytes = await unpacked(await fileSource(source), limits, decisions);
  const head = await bytes.head(HEAD_BYTES);
  if (head.length === 0) throw emptySource(source.name);
  for (const format of FORMATS) {
    const evidence = format.recognize(head);
    if (evidence === undefined) continue;
    decisions.push({ what: 'format', value: format.name, evidence, confidence: 0.9 });
    return format.open({ source: bytes, head, options, limits, decisions });
  }
  return unknown(source.name);
}

/** Looks through a compressed file by its content, whatever its name says. */
async function unpacked(source: ByteSource, limits: Limits, decisions: Decision[]): Promise<ByteSource> {
  if (!isGzip(await source.head(HEAD_BYTES))) return source;
  decisions.push({ what: 'container', value: 'gzip', evidence: 'begins with its signature', confidence: 1 });
  return gunzipSource(source, limits, HEAD_BYTES);
}

function unknown(name: string): never {
  throw formatError('format.unknown', `${name} is of no known format: export it as CSV`, { file: name });
}
