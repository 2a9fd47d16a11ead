import { fork } from 'node:child_process';
import { join } from 'node:path';
import type { Cell } from '../sql/index.js';

/** Reads one file in a process of its own. One call at a time. */
export interface SqliteReader {
  open(url: string): Promise<void>;
  columns(text: string): Promise<{ name: string; type: string | null }[]>;
  start(text: string, values: string[]): Promise<void>;
  /** At most `count` rows; fewer at the end. */
  next(count: number): Promise<Cell[][]>;
  /** Ends the process at once; a call that waits fails with `error`. */
  stop(error?: unknown): Promise<void>;
}

// From `src/sqlite` and `dist/sqlite` alike.
const PROGRAM = join(__dirname, '..', '..', 'programs', 'sqlite-reader.cjs');
// It holds one batch of rows; a file that needs more breaks its own process only.
const MEMORY_MB = 256;

interface Answer {
  result?: unknown;
  error?: { code?: string; message: string };
}

/** Starts the process; it knows nothing of this one's environment. */
export function startSqliteReader(): SqliteReader {
  const child = fork(PROGRAM, [], {
    env: {},
    execArgv: [`--max-old-space-size=${MEMORY_MB}`],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'advanced',
  });
  let waiting: { resolve(value: unknown): void; reject(error: unknown): void } | undefined;
  let ended: unknown;
  const fail = (error: unknown): void => {
    ended ??= error;
    waiting?.reject(ended);
    waiting = undefined;
  };
  const gone = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      fail(Object.assign(new Error(`the reader ended with ${signal ?? code}`), { code: 'SQLITE_CORRUPT' }));
      resolve();
    });
  });
  child.once('error', fail);
  child.on('message', ({ result, error }: Answer) => {
    const { resolve, reject } = waiting ?? {};
    waiting = undefined;
    if (error) reject?.(Object.assign(new Error(error.message), { code: error.code }));
    else resolve?.(result);
  });

  const call = (message: Record<string, unknown>): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      waiting = { resolve, reject };
      return child.send(message, (error) => error && fail(error));
    });
  return {
    open: async (url) => void (await call({ open: url })),
    columns: async (text) => (await call({ columns: text })) as { name: string; type: string | null }[],
    start: async (text, values) => void (await call({ start: [text, values] })),
    next: async (count) => (await call({ next: count })) as Cell[][],
    async stop(error) {
      if (error !== undefined) fail(error);
      child.kill('SIGKILL');
      await gone;
    },
  };
}
