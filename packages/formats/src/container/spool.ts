import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatError } from '../errors.js';
import type { Limits } from '../limits.js';
import type { LocalCopy } from '../types.js';

/** Below this a high ratio is a small file of blanks, not a bomb. */
export const HARMLESS_BYTES = 64 * 1024 * 1024;

/** Writes unpacked content to a temporary file. Throws `limit.bytes`. */
export async function spool(chunks: AsyncIterable<Buffer>, name: string, limits: Limits): Promise<LocalCopy> {
  const folder = await mkdtemp(join(tmpdir(), 'songhua-spool-'));
  const release = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, 'content');
    const file = await open(path, 'w');
    try {
      let written = 0;
      for await (const chunk of chunks) {
        written += chunk.length;
        if (written > limits.bytes) throw tooLarge(name, limits.bytes);
        await file.write(chunk);
      }
    } finally {
      await file.close();
    }
    return { path, release };
  } catch (error) {
    await release();
    throw error;
  }
}

export const tooLarge = (name: string, limit: number): Error =>
  formatError(
    'limit.bytes',
    `${name} is larger than ${limit} bytes: split it or raise the limit. 文件超过 ${limit} 字节`,
    { file: name, limit },
  );

export const unpacksTooFar = (name: string, limit: number): Error =>
  formatError(
    'limit.ratio',
    `${name} unpacks to more than ${limit} times its size: it was not read on; send it in plain form. 压缩比异常`,
    { file: name, limit },
  );

/** The first `bytes` of a content. */
export async function take(chunks: AsyncIterable<Buffer>, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    parts.push(Buffer.from(chunk));
    length += chunk.length;
    if (length >= bytes) break;
  }
  return Buffer.concat(parts).subarray(0, bytes);
}

/** The last `bytes` of a content, reading all of it. */
export async function takeLast(chunks: AsyncIterable<Buffer>, bytes: number): Promise<Buffer> {
  let kept = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const all = chunk.length >= bytes ? Buffer.from(chunk) : Buffer.concat([kept, chunk]);
    kept = all.length > bytes ? all.subarray(all.length - bytes) : all;
  }
  return kept;
}
