import { codeOf } from '@songhua/domain';
import type { Clock } from '../clock.js';
import { emptySource, formatError } from '../errors.js';
import type { Limits } from '../limits.js';
import type { ByteSource, TableReader, Warning } from '../types.js';
import { warning } from '../warnings.js';
import { type ZipEntry, type ZipListing, zipEntrySource } from './zip.js';

// What operating systems leave in archives.
const JUNK = /(^|\/)(__MACOSX\/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._|~\$)/i;
// Text about the data, which would read as a table of one column.
const ABOUT = /(^|\/)[^/]*(readme|licen[cs]e|说明|须知|声明)[^/]*\.(txt|md|html?)$/i;
// An entry that ends so is no table; the others of the archive may be.
const NO_TABLE = new Set(['source.empty', 'source.html', 'format.unsupported', 'format.unknown', 'records.missing']);

/** A local ZIP archive and what its directory says. */
export interface OpenArchive {
  source: ByteSource;
  path: string;
  listing: ZipListing;
  limits: Limits;
  clock: Clock;
}

/**
 * The tables of the entries of an archive, named `<archive>.<entry>` where there are several. Entries that hold no table are left
 * out with a warning; when none does, throws what the first one threw.
 */
export async function openArchive(
  { source, path, listing, limits, clock }: OpenArchive,
  openEntry: (entry: ByteSource) => Promise<TableReader[]>,
): Promise<TableReader[]> {
  const skipped: Warning[] = [];
  const candidates: ZipEntry[] = [];
  for (const entry of listing.entries) {
    if (JUNK.test(entry.path)) continue;
    if (ABOUT.test(entry.path))
      skipped.push(skip(entry.path, { zh: '它像是对数据的说明', en: 'it seems to describe the data' }));
    else candidates.push(entry);
  }
  const tables: TableReader[] = [];
  let first: unknown;
  for (const entry of candidates) {
    const name = candidates.length === 1 ? source.name : `${source.name}.${entry.path}`;
    try {
      tables.push(...(await openEntry(zipEntrySource({ path, name: source.name, clock }, entry, name, limits))));
    } catch (error) {
      if (!NO_TABLE.has(codeOf(error) ?? '')) throw error;
      first ??= error;
      skipped.push(skip(entry.path, { zh: '其中没有可读的表格', en: (error as Error).message }));
    }
  }
  if (tables.length === 0) throw first ?? emptySource(source.name);
  for (const table of tables) table.warnings.push(...skipped);
  return tables;
}

const skip = (path: string, reason: { zh: string; en: string }): Warning => {
  const quoted = JSON.stringify(path);
  return warning(
    'archive.skipped',
    `压缩包中的 ${quoted} 未读取：${reason.zh}`,
    `${quoted} in the archive was not read: ${reason.en}`,
  );
};

export const nestedArchive = (name: string): Error =>
  formatError(
    'container.nested',
    `${name} is an archive inside a compressed file or archive: unpack it once and send that. 压缩包内还有压缩包`,
    { file: name },
  );
