import { type FileHandle, open } from 'node:fs/promises';
import { codeOf } from '@songhua/domain';
import { formatError } from '../errors.js';
import type { ByteSource, TableSource } from '../types.js';

// Large enough that a read costs little beside the scan, small enough for a handful of readers at once.
const CHUNK_BYTES = 256 * 1024;

// A file this small is read once and kept: opening it again costs more than the memory.
const KEPT_BYTES = 64 * 1024;

/** The bytes of a local file. Throws `source.missing` when there is none. */
export async function fileSource({ path, name }: TableSource): Promise<ByteSource> {
  const { size, start } = await withFile(path, name, async (file) => {
    const { size } = await file.stat();
    return { size, start: await readAt(file, 0, Math.min(size, KEPT_BYTES)) };
  });
  const slice = async (from: number, to: number): Promise<Buffer> =>
    to <= start.length ? start.subarray(from, to) : withFile(path, name, (file) => readAt(file, from, to - from));
  return {
    name,
    size,
    head: (bytes) => slice(0, Math.min(bytes, size)),
    tail: (bytes) => slice(Math.max(0, size - bytes), size),
    chunks: () => (size <= start.length ? once(start) : fileChunks(path, name)),
    local: async () => ({ path, release: async () => undefined }),
  };
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function* fileChunks(path: string, name: string): AsyncGenerator<Buffer> {
  const file = await openFile(path, name);
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function readAt(file: FileHandle, from: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  const { bytesRead } = await file.read(buffer, 0, bytes, from);
  return buffer.subarray(0, bytesRead);
}

async function withFile<T>(path: string, name: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await openFile(path, name);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function openFile(path: string, name: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw formatError(
      'source.missing',
      `${name} is not there: check the path of the source. 文件不存在，请检查路径`,
      { file: name },
      error,
    );
  }
}
