import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { codeOf, SonghuaError } from '@songhua/domain';

/** Appends to a file in large writes, one after the other. */
export interface FileSink {
  write(data: Buffer | string): Promise<void>;
  /** Writes what is left; the sink takes nothing more. */
  close(): Promise<void>;
}

// Batches are larger and are written as they come; lines are gathered to this.
const GATHERED_BYTES = 256 * 1024;

export async function createFileSink(path: string): Promise<FileSink> {
  const file = await open(path, 'w');
  let waiting: Buffer[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (bytes === 0) return;
    const data = waiting.length === 1 ? waiting[0] : Buffer.concat(waiting);
    waiting = [];
    bytes = 0;
    await file.writeFile(data as Buffer);
  };
  return {
    async write(data) {
      const buffer = typeof data === 'string' ? Buffer.from(data) : data;
      waiting.push(buffer);
      bytes += buffer.length;
      if (bytes >= GATHERED_BYTES) await flush();
    },
    async close() {
      try {
        await flush();
      } finally {
        await file.close();
      }
    },
  };
}

/** SHA-256 of a file, lower-case hexadecimal. */
export async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Throws unless `path` is a file that can be opened; `usage.file` names what it is instead. */
export async function checkFile(path: string): Promise<void> {
  const unreadable = (what: string): SonghuaError =>
    new SonghuaError('usage.file', `${path} ${what}: name a file that can be read. 请指定可读取的文件`, {
      actor: 'operator',
    });
  try {
    if (!(await stat(path)).isFile()) throw unreadable('is not a file');
    await (await open(path, 'r')).close();
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') throw unreadable('is not there');
    if (code === 'EACCES' || code === 'EPERM') throw unreadable('may not be read by you');
    throw error;
  }
}
