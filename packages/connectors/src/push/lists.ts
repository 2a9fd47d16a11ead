import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';

const [QUOTE, COMMA, COLON, BACKSLASH] = [0x22, 0x2c, 0x3a, 0x5c];
const [OBJECT, OBJECT_END, LIST, LIST_END] = [0x7b, 0x7d, 0x5b, 0x5d];
const BLANKS = new Set([0x20, 0x09, 0x0a, 0x0d]);
const GZIP = Buffer.from([0x1f, 0x8b]);
const BYTE_ORDER_MARK = new Set(Buffer.from('\uFEFF'));

/**
 * The names of the lists that stand at the top of a file's one JSON object, also in gzip; none for everything else, NDJSON of several
 * objects too. Reads at most `maxBytes`, unpacked, and holds none of them.
 */
export async function listsAtTop(path: string, maxBytes: number): Promise<Set<string>> {
  const scan = createScan();
  const file = createReadStream(path);
  const bytes = (await isGzip(path)) ? file.pipe(createGunzip()) : file;
  file.once('error', (error) => bytes.destroy(error));
  let left = maxBytes;
  try {
    for await (const chunk of bytes as AsyncIterable<Buffer>) {
      left -= chunk.length;
      if (left < 0 || !scan.take(chunk)) return new Set();
    }
  } catch {
    // The reader of the rows says what is wrong with the file.
    return new Set();
  } finally {
    file.destroy();
  }
  return scan.lists;
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(GZIP.length), 0, GZIP.length, 0);
    return buffer.equals(GZIP);
  } finally {
    await file.close();
  }
}

/** Follows JSON byte by byte: quotes, brackets, and the keys of the outermost object. `take` is false once it is not one object. */
function createScan(): { take(chunk: Buffer): boolean; lists: Set<string> } {
  const lists = new Set<string>();
  let depth = 0;
  let ended = false;
  let quoted = false;
  let escaped = false;
  // Of the outermost object: the key being read or last read, and whether its value comes next.
  let key: number[] = [];
  let isValue = false;

  const opens = (byte: number): boolean => {
    if (depth === 0 && byte !== OBJECT) return false;
    if (depth === 1 && isValue && byte === LIST) lists.add(Buffer.from(key).toString());
    depth++;
    return true;
  };
  const inText = (byte: number): void => {
    if (escaped) escaped = false;
    else if (byte === BACKSLASH) escaped = true;
    else if (byte === QUOTE) quoted = false;
    if (quoted && depth === 1 && !isValue) key.push(byte);
  };
  const outside = (byte: number): boolean => {
    if (BLANKS.has(byte)) return true;
    if (ended) return false;
    if (byte === OBJECT || byte === LIST) return opens(byte);
    if (depth === 0) return BYTE_ORDER_MARK.has(byte);
    if (byte === QUOTE) {
      quoted = true;
      if (depth === 1 && !isValue) key = [];
    } else if (byte === OBJECT_END || byte === LIST_END) ended = --depth === 0;
    else if (depth === 1 && byte === COLON) isValue = true;
    else if (depth === 1 && byte === COMMA) isValue = false;
    return true;
  };
  return {
    lists,
    take(chunk) {
      for (const byte of chunk) {
        if (quoted) inText(byte);
        else if (!outside(byte)) return false;
      }
      return true;
    },
  };
}
