import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
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

// Large enough that a read costs little beside its hashing; reused, because fresh ones for every file keep the collector busy.
const HASH_BUFFER_BYTES = 256 * 1024;
const hashBuffers: Buffer[] = [];

/** SHA-256 (hex) of a file's bytes, in bounded memory. */
export async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const buffer = hashBuffers.pop() ?? Buffer.allocUnsafeSlow(HASH_BUFFER_BYTES);
  const file = await open(path);
  try {
    for (;;) {
      throwIfAborted(signal);
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    hashBuffers.push(buffer);
    await file.close();
  }
}
