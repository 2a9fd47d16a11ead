import { crc32 } from 'node:zlib';
import { codeOf } from '@songhua/domain';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import type { Clock } from '../clock.js';
import { detectEncoding } from '../encoding/detect.js';
import { type FormatErrorCode, formatError } from '../errors.js';
import type { Limits } from '../limits.js';
import type { ByteSource, Decision } from '../types.js';
import { HARMLESS_BYTES, spool, take, takeLast, tooLarge, unpacksTooFar } from './spool.js';

export interface ZipEntry {
  /** Path in the archive, `/` between folders. */
  path: string;
  size: number;
  entry: Entry;
}

/** Where entries are unpacked from, and the time that it may take. */
export interface PackedArchive {
  path: string;
  name: string;
  clock: Clock;
}

export interface ZipListing {
  entries: ZipEntry[];
  /** How the names were decoded. */
  names: Decision;
}

// Bit 11 of the general purpose flags: name and comment are UTF-8.
const UTF8_NAME = 0x800;
const UNICODE_PATH_FIELD = 0x7075;
const FILE_TYPE_MASK = 0o170000;
const SYMLINK = 0o120000;
const STORED = 0;
const DEFLATED = 8;

export const isZip = (head: Buffer): boolean =>
  head[0] === 0x50 && head[1] === 0x4b && ((head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6));

/**
 * The files of a ZIP archive, folders left out. Everything that its directory tells is checked before anything is unpacked: throws
 * `container.*` and `limit.entries`, `limit.bytes`, `limit.ratio`.
 */
export async function listZip(path: string, name: string, limits: Limits): Promise<ZipListing> {
  return withZip(path, name, async (zip) => {
    if (zip.entryCount > limits.entries) throw tooManyEntries(name, zip.entryCount, limits.entries);
    const found: Entry[] = [];
    let unpacked = 0;
    for await (const entry of zip.eachEntry()) {
      found.push(entry);
      unpacked += entry.uncompressedSize;
      if (found.length > limits.entries) throw tooManyEntries(name, found.length, limits.entries);
      if (unpacked > HARMLESS_BYTES && unpacked > zip.fileSize * limits.ratio) throw unpacksTooFar(name, limits.ratio);
      if (unpacked > limits.bytes) throw tooLarge(name, limits.bytes);
    }
    const names = nameDecision(found);
    const decode = decoderOf(names.value);
    const entries: ZipEntry[] = [];
    for (const entry of found) {
      const path = nameOf(entry, decode);
      checkEntry(entry, path, name, limits);
      if (!path.endsWith('/')) entries.push({ path, size: entry.uncompressedSize, entry });
    }
    return { entries, names };
  });
}

/** Bytes of one entry. Throws `container.damaged` when size or checksum are not what the directory says. */
export function zipEntrySource(
  archive: PackedArchive,
  { path, size, entry }: ZipEntry,
  name: string,
  limits: Limits,
): ByteSource {
  const chunks = (): AsyncGenerator<Buffer> => unpackEntry(archive, entry, path);
  let start: Promise<Buffer> | undefined;
  return {
    name,
    size,
    head: async (bytes) => {
      start ??= take(chunks(), bytes);
      const kept = await start;
      return bytes <= kept.length || kept.length === size ? kept.subarray(0, bytes) : take(chunks(), bytes);
    },
    tail: (bytes) => takeLast(chunks(), bytes),
    chunks,
    local: () => spool(chunks(), name, limits),
  };
}

async function* unpackEntry(archive: PackedArchive, entry: Entry, path: string): AsyncGenerator<Buffer> {
  const zip = await openZip(archive.path, archive.name);
  try {
    const stream = await zip.openReadStreamPromise(entry);
    let sum = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      archive.clock.check();
      sum = crc32(chunk, sum);
      yield chunk;
    }
    if (sum !== entry.crc32) throw damaged(archive.name, `the checksum of ${path} does not match`);
  } catch (error) {
    throw isOurs(error) ? error : damaged(archive.name, `${path}: ${(error as Error).message}`, error);
  } finally {
    zip.close();
  }
}

async function withZip<T>(path: string, name: string, use: (zip: ZipFile) => Promise<T>): Promise<T> {
  const zip = await openZip(path, name);
  try {
    return await use(zip);
  } catch (error) {
    throw isOurs(error) ? error : damaged(name, (error as Error).message, error);
  } finally {
    zip.close();
  }
}

async function openZip(path: string, name: string): Promise<ZipFile> {
  try {
    return await openPromise(path, { lazyEntries: true, autoClose: false, decodeStrings: false });
  } catch (error) {
    throw damaged(name, (error as Error).message, error);
  }
}

// Errors that already say what to do: this package's own, and the system's.
const isOurs = (error: unknown): boolean => {
  const code = codeOf(error);
  return code !== undefined && !code.startsWith('Z_') && !code.startsWith('ERR_');
};

function damaged(name: string, problem: string, cause?: unknown): Error {
  return formatError(
    'container.damaged',
    `${name} is a damaged ZIP archive (${problem}): pack it again and send it. 压缩文件已损坏`,
    { file: name },
    cause,
  );
}

const tooManyEntries = (name: string, entries: number, limit: number): Error =>
  formatError(
    'limit.entries',
    `${name} holds ${entries} files, more than ${limit}: send them in several archives or raise the limit. 压缩包内文件过多`,
    { file: name, entries, limit },
  );

function checkEntry(entry: Entry, path: string, archive: string, limits: Limits): void {
  const refuse = (code: FormatErrorCode, problem: string): Error =>
    formatError(code, `${archive} was refused: its entry ${JSON.stringify(path.slice(0, 200))} ${problem}`, {
      file: archive,
      entry: path,
    });
  if (/^[/\\]|^[A-Za-z]:|\0/.test(path) || path.split(/[/\\]/).includes('..')) {
    throw refuse('container.path', 'points outside the archive; pack it again from inside its folder. 路径不合法');
  }
  if (((entry.externalFileAttributes >>> 16) & FILE_TYPE_MASK) === SYMLINK) {
    throw refuse('container.symlink', 'is a symbolic link; pack the file itself. 不接受符号链接');
  }
  if (entry.isEncrypted()) throw refuse('container.encrypted', 'has a password; send it without. 文件已加密');
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    throw refuse(
      'format.unsupported',
      `is packed by method ${entry.compressionMethod}; pack it by deflate. 压缩方法不支持`,
    );
  }
  const { uncompressedSize, compressedSize } = entry;
  if (uncompressedSize > HARMLESS_BYTES && uncompressedSize > compressedSize * limits.ratio) {
    throw unpacksTooFar(`${archive} (${path})`, limits.ratio);
  }
}

const isUtf8Name = (entry: Entry): boolean =>
  (entry.generalPurposeBitFlag & UTF8_NAME) !== 0 || entry.extraFields.some((f) => f.id === UNICODE_PATH_FIELD);

/** All names that do not say what they are written in are taken together, since one alone is too short to tell. */
function nameDecision(entries: Entry[]): Decision {
  const unmarked = entries.filter((entry) => !isUtf8Name(entry)).map((entry) => entry.fileNameRaw);
  const { value, evidence, confidence } = detectEncoding(Buffer.concat(unmarked), true);
  // One accented letter cannot outweigh that archives of departments are packed on Chinese systems.
  const encoding = value.startsWith('utf-16') || value === 'windows-1252' ? 'gb18030' : value;
  return { what: 'encoding', value: encoding, evidence: `names of entries: ${evidence}`, confidence };
}

const decoderOf = (encoding: string): ((bytes: Buffer) => string) => {
  const decoder = new TextDecoder(encoding);
  return (bytes) => decoder.decode(bytes);
};

function nameOf(entry: Entry, decode: (bytes: Buffer) => string): string {
  const unicode = entry.extraFields.find((field) => field.id === UNICODE_PATH_FIELD)?.data;
  // One byte of version and four of checksum precede the name.
  if (unicode !== undefined && unicode.readUInt32LE(1) === crc32(entry.fileNameRaw)) {
    return unicode.subarray(5).toString('utf8');
  }
  const marked = (entry.generalPurposeBitFlag & UTF8_NAME) !== 0;
  return (marked ? entry.fileNameRaw.toString('utf8') : decode(entry.fileNameRaw)).replaceAll('\\', '/');
}
