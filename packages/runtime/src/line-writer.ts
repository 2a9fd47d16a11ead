import { writeSync } from 'node:fs';
import { codeOf } from '@songhua/domain';

/** Lines that wait in memory while none can be written. */
const KEPT_LINES = 1_000;
const RETRY_MS = 1_000;
/** A full pipe that does not block is given this long, in all, before its line waits. */
const BUSY_MS = 1_000;
const BUSY_PAUSE_MS = 10;

export interface LineWriterOptions {
  /** An open file descriptor. */
  fd: number;
  /** The line that follows when writing works again: the code of the failure, and how many lines were too many to keep. */
  recovered(code: string, lost: number): string;
}

/** Takes whole lines, newline included, and never throws. */
export interface LineWriter {
  write(line: string): void;
}

/**
 * Writes a log so that a disk that takes nothing ends nobody: lines wait in memory, the first ones that came are kept, and what was lost
 * is told when there is room. Not sonic-boom, pino's own: there a failed write is an error that nobody catches, and its flush at the end
 * of a process tries a full disk for ever.
 */
export function createLineWriter({ fd, recovered }: LineWriterOptions): LineWriter {
  let waiting: Buffer[] = [];
  let lost = 0;
  let failure: string | undefined;
  let retry: NodeJS.Timeout | undefined;

  const drain = (): void => {
    for (let [first] = waiting; first; [first] = waiting) {
      const written = writePatiently(fd, first);
      // A disk that fills up takes half a line: the other half follows when there is room.
      const rest = written < first.length ? [first.subarray(written)] : [];
      waiting = [...rest, ...waiting.slice(1)];
    }
  };
  const flush = (): void => {
    try {
      drain();
      if (failure === undefined) return;
      waiting.push(Buffer.from(recovered(failure, lost)));
      [failure, lost] = [undefined, 0];
      drain();
    } catch (error) {
      failure ??= codeOf(error) ?? String(error);
      retry ??= setTimeout(() => {
        retry = undefined;
        flush();
      }, RETRY_MS).unref();
    }
  };
  return {
    write: (line) => {
      if (waiting.length >= KEPT_LINES) lost += 1;
      else waiting.push(Buffer.from(line));
      // While it fails, the timer tries: a try for every line would cost a busy service its time.
      if (retry === undefined) flush();
    },
  };
}

function writePatiently(fd: number, bytes: Buffer): number {
  const deadline = Date.now() + BUSY_MS;
  for (;;) {
    try {
      return writeSync(fd, bytes);
    } catch (error) {
      if (!['EAGAIN', 'EBUSY'].includes(codeOf(error) ?? '') || Date.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_PAUSE_MS);
    }
  }
}
