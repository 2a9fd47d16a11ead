import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { isNoSpace } from '../disk/space.js';

export interface LogLimits {
  /** A log that is larger is rotated, and no older one is larger. */
  bytes: number;
  /** The log itself and the older ones: `x.log`, `x.log.1`, … */
  files: number;
}

/** 64 MiB a process: days of a healthy system, and an hour of one that fails all the time. */
export const LOG_LIMITS: LogLimits = { bytes: 16 * 1024 ** 2, files: 4 };

const older = (path: string, n: number): string => `${path}.${n}`;
const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Whether a log has grown beyond its limit. */
export function isLarge(path: string, { bytes }: LogLimits): boolean {
  return sizeOf(path) > bytes;
}

/**
 * Copies the end of a log aside and empties it where it is: whoever writes it holds it open for appending, and may outlive us. What is
 * written between the last byte copied and the emptying is lost: microseconds of it. Throws what the disk says; a full one costs the
 * oldest of the older logs, so that the next try has room.
 */
export async function rotateLog(path: string, limits: LogLimits = LOG_LIMITS): Promise<void> {
  const copy = `${path}.new`;
  const start = Math.max(0, sizeOf(path) - limits.bytes);
  try {
    const written = createWriteStream(copy, { mode: statSync(path).mode });
    await pipeline(createReadStream(path, { start }), written);
    shiftOlder(path, limits.files);
    renameSync(copy, older(path, 1));
    emptyAfter(path, start + written.bytesWritten);
  } catch (error) {
    rmSync(copy, { force: true });
    if (isNoSpace(error)) dropOldest(path, limits.files);
    throw error;
  }
}

function shiftOlder(path: string, files: number): void {
  for (let n = files - 2; n >= 1; n -= 1) {
    if (statSync(older(path, n), { throwIfNoEntry: false })) renameSync(older(path, n), older(path, n + 1));
  }
}

function dropOldest(path: string, files: number): void {
  for (let n = files - 1; n >= 1; n -= 1) {
    if (!statSync(older(path, n), { throwIfNoEntry: false })) continue;
    rmSync(older(path, n), { force: true });
    return;
  }
}

/** Adds what came after the first `copied` bytes to the copy, and empties the log, without a pause between. */
function emptyAfter(path: string, copied: number): void {
  const log = openSync(path, 'r+');
  try {
    const rest = Buffer.alloc(Math.max(0, fstatSync(log).size - copied));
    const read = readSync(log, rest, 0, rest.length, copied);
    try {
      writeFileSync(older(path, 1), rest.subarray(0, read), { flag: 'a' });
    } finally {
      // Also where the disk has no room for the rest: the bound comes first.
      ftruncateSync(log, 0);
    }
  } finally {
    closeSync(log);
  }
}
