import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { codeOf } from '@songhua/domain';
import { formatError } from '../errors.js';
import type { Limits } from '../limits.js';
import type { ByteSource } from '../types.js';
import { HARMLESS_BYTES, spool, take, unpacksTooFar } from './spool.js';

export const isGzip = (head: Buffer): boolean => head[0] === 0x1f && head[1] === 0x8b && head[2] === 8;

/**
 * The unpacked bytes of a gzip source, one member or several. Unpacks anew for the head and for the content; throws
 * `container.damaged`, `limit.ratio` and `limit.bytes` while reading.
 */
export async function gunzipSource(packed: ByteSource, limits: Limits, headBytes: number): Promise<ByteSource> {
  const start = await take(unpack(packed, limits), headBytes);
  const size = start.length < headBytes ? start.length : undefined;
  return {
    name: packed.name.replace(/\.gz$/i, ''),
    size,
    head: (bytes) =>
      bytes <= start.length || size !== undefined
        ? Promise.resolve(start.subarray(0, bytes))
        : take(unpack(packed, limits), bytes),
    tail: (bytes) => Promise.resolve(size === undefined ? Buffer.alloc(0) : start.subarray(Math.max(0, size - bytes))),
    chunks: () => unpack(packed, limits),
    local: () => spool(unpack(packed, limits), packed.name, limits),
  };
}

async function* unpack(packed: ByteSource, limits: Limits): AsyncGenerator<Buffer> {
  let written = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of packed.chunks()) {
      // The source reuses its buffer, the stream keeps what it is given for a while.
      yield Buffer.from(chunk);
    }
  }
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  const out = new PassThrough();
  const done = pipeline(Readable.from(counted()), gunzip, out);
  // The reader sees the same failure through `out`.
  done.catch(() => undefined);
  try {
    for await (const chunk of out as AsyncIterable<Buffer>) {
      written += chunk.length;
      // What the stream holds but has not unpacked yet must not hide how far the rest went.
      if (written > HARMLESS_BYTES && written > gunzip.bytesWritten * limits.ratio) {
        throw unpacksTooFar(packed.name, limits.ratio);
      }
      yield chunk;
    }
  } catch (error) {
    if (!codeOf(error)?.startsWith('Z_')) throw error;
    throw formatError(
      'container.damaged',
      `${packed.name} is a damaged gzip file (${(error as Error).message}) after ${written} unpacked bytes: send it again. 压缩文件已损坏`,
      { file: packed.name, bytes: written },
      error,
    );
  } finally {
    out.destroy();
  }
}
