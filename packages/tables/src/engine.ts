import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBResult,
  type DuckDBValue,
} from '@duckdb/node-api';
import { SonghuaError } from '@songhua/domain';
import { createBudget } from '@songhua/runtime/budget';
import type { TablesOptions } from './types.js';
import { CITY_ZONE } from './values/datetime.js';

export type Bind = DuckDBValue[];

/** One job's connection. Temporary tables made on it vanish with it. */
export interface Session {
  run(sql: string, bind?: Bind): Promise<void>;
  /** All rows as objects; integers come as bigint. */
  all(sql: string, bind?: Bind): Promise<Record<string, unknown>[]>;
  one(sql: string, bind?: Bind): Promise<Record<string, unknown>>;
  /** Rows in chunks, for results that do not fit in memory. */
  stream(sql: string): AsyncIterable<Record<string, unknown>[]>;
  /** The values of each column, in chunks. */
  columns(sql: string): AsyncIterable<unknown[][]>;
  /** Runs a statement on one thread: where rows are numbered a second thread does nothing but double the CPU time. */
  runNarrow(sql: string): Promise<void>;
}

export interface Engine {
  /** Runs `job` on a connection of its own; at most `threads` jobs at once. A `wide` job runs alone with every thread. */
  session<T>(wide: boolean, job: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

// DuckDB's messages go on with the offending line; only the first line is free of cell values (I6).
function translate(error: unknown): SonghuaError {
  const text =
    error instanceof Error || typeof error === 'object' ? String((error as { message?: unknown }).message) : '';
  const first = text.split('\n', 1)[0] ?? '';
  if (/Out of Memory|failed to (?:allocate|offload)/i.test(first)) {
    return new SonghuaError(
      'tables.memory',
      `DuckDB ran out of its memory or temporary space; give the worker more and retry`,
      {
        retryable: true,
        actor: 'operator',
      },
    );
  }
  if (/No space left on device|could not write/i.test(first)) {
    return new SonghuaError('tables.disk', 'The temporary folder is full; free space and retry', {
      retryable: true,
      actor: 'operator',
    });
  }
  if (/CSV Error|CSV Parser|GZIP|inflate|decompress|Invalid unicode/i.test(first)) {
    const line = /CSV Error on Line: (\d+)/.exec(first)?.[1];
    return new SonghuaError(
      'landing.corrupt',
      `The landed rows are not the canonical CSV that the sync announced${line ? ` (row line ${line})` : ''}; sync the dataset again`,
      { details: line ? { line: Number(line) } : {} },
    );
  }
  return new SonghuaError(
    'tables.query',
    `DuckDB could not run a statement: ${first.replace(/["'].*/s, '').slice(0, 200)}`,
    {
      details: { kind: first.split(':', 1)[0] ?? '' },
    },
  );
}

function sessionOn(connection: DuckDBConnection, threads: number): Session {
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw translate(error);
    }
  };
  const all = (sql: string, bind?: Bind): Promise<Record<string, unknown>[]> =>
    guarded(async () => (await connection.runAndReadAll(sql, bind)).getRowObjectsJS());
  const run = (sql: string, bind?: Bind): Promise<void> =>
    guarded(async () => {
      await connection.run(sql, bind);
    });
  return {
    run,
    all,
    async runNarrow(sql) {
      if (threads === 1) return run(sql);
      await connection.run('SET threads = 1');
      try {
        await run(sql);
      } finally {
        await connection.run(`SET threads = ${threads}`);
      }
    },
    one: async (sql, bind) => (await all(sql, bind))[0] ?? {},
    async *stream(sql) {
      const result = await guarded(() => connection.stream(sql));
      const names = result.columnNames();
      for await (const chunk of chunksOf(result)) {
        yield chunk.getRows().map((row) => Object.fromEntries(names.map((name, i) => [name, row[i]])));
      }
    },
    async *columns(sql) {
      const result = await guarded(() => connection.stream(sql));
      for await (const chunk of chunksOf(result)) yield chunk.getColumns();
    },
  };
  async function* chunksOf(result: DuckDBResult): AsyncIterable<DuckDBDataChunk> {
    for (;;) {
      const chunk = await guarded(() => result.fetchChunk());
      if (!chunk || chunk.rowCount === 0) return;
      yield chunk;
    }
  }
}

/**
 * One DuckDB instance, so that `memoryMb` bounds all jobs together. Its scheduler has one thread, and each small job runs on the
 * thread that calls it: with two scheduler threads small tables cost more CPU and no less time.
 */
export function createEngine(options: TablesOptions): Engine {
  const threads = Math.max(1, options.threads);
  const queue = createBudget(threads);
  let opening: Promise<DuckDBInstance> | undefined;
  const open = async (): Promise<DuckDBInstance> => {
    const instance = await DuckDBInstance.create(':memory:', {
      threads: '1',
      memory_limit: `${options.memoryMb}MB`,
      temp_directory: options.tempDirectory,
      // Everything needed is linked in; a worker must never reach for the network.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const connection = await instance.connect();
    await connection.run(`SET GLOBAL TimeZone = '${CITY_ZONE}'`);
    connection.closeSync();
    return instance;
  };
  return {
    async session(wide, job) {
      const count = wide ? threads : 1;
      await queue.take(count);
      try {
        opening ??= open();
        const connection = await (await opening).connect();
        try {
          if (count > 1) await connection.run(`SET threads = ${count}`);
          return await job(sessionOn(connection, count));
        } finally {
          if (count > 1) await connection.run('SET threads = 1');
          connection.closeSync();
        }
      } finally {
        queue.give(count);
      }
    },
    async close() {
      await queue.take(threads);
      (await opening)?.closeSync();
      opening = undefined;
      queue.give(threads);
    },
  };
}
