import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { codeOf } from '@songhua/domain';
import { sourceError, throwIfAborted } from './errors.js';

export interface Spooled {
  bytes: number;
  /** Hex, over the bytes as spooled. */
  sha256: string;
}

/**
 * Streams `source` (through `through`, e.g. a decompressor) into the file `path`, hashing on the way.
 * Throws `source.too-large` beyond `maxBytes`; errors of the streams, and of an aborted `signal`, are passed on as they are, because only
 * the caller knows what they say of its source.
 */
export async function spool(
  source: Readable,
  path: string,
  options: { maxBytes: number; signal: AbortSignal; through?: Transform },
): Promise<Spooled> {
  const hash = createHash('sha256');
  let bytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > options.maxBytes) return done(tooLarge(options.maxBytes));
      hash.update(chunk);
      return done(null, chunk);
    },
  });
  const stages = options.through ? [source, options.through, meter] : [source, meter];
  await pipeline([...stages, createWriteStream(path)], { signal: options.signal });
  return { bytes, sha256: hash.digest('hex') };
}

export const tooLarge = (maxBytes: number) =>
  sourceError(
    'source.too-large',
    `the source has more than ${maxBytes} bytes, the limit of one source; split it, or ask the operator for a higher limit`,
  );

// One read of a file this small is cheaper than opening a stream, and still bounded.
const WHOLE_FILE_BYTES = 1024 * 1024;

/** SHA-256 (hex) of a file's bytes, in bounded memory. */
export async function hashFile(path: string, bytes: number, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  if (bytes <= WHOLE_FILE_BYTES) return hash.update(await readFile(path)).digest('hex');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 512 * 1024, signal }))
      hash.update(chunk as Buffer);
  } catch (error) {
    if (codeOf(error) === 'ABORT_ERR') throwIfAborted(signal);
    throw error;
  }
  return hash.digest('hex');
}
