import { setImmediate as nextTurn } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import Database from 'libsql/promise';
import {
  type Cell,
  type OpenOptions,
  type SqlSession,
  type Statement,
  sqlError,
  whileConnected,
} from '../sql/index.js';
import { sqliteDialect } from './dialect.js';
import { sqliteProblem } from './errors.js';
import { sqliteTables } from './tables.js';
import { columnTypeOf } from './types.js';

// Another program writes for moments; one that writes for longer is waited for by the next try.
const BUSY_MS = 10_000;

/** What the driver gives for a cell. */
type Value = string | number | bigint | Buffer | null;

/** The parts of the driver that are used; its own types say nothing. */
interface Statements {
  raw(raw: boolean): Statements;
  safeIntegers(safe: boolean): Statements;
  columns(): { name: string; type: string | null }[];
  iterate(values: string[]): Promise<IterableIterator<Value[]>>;
}
interface Connection {
  prepare(sql: string): Promise<Statements>;
  exec(sql: string): Promise<void>;
  interrupt(): void;
  close(): void;
}

/** Whether a name is a view or a table that a module computes. */
const KIND = `SELECT type = 'view' OR sql LIKE 'CREATE VIRTUAL%' FROM sqlite_schema WHERE name = ? AND type IN ('table', 'view')`;

export interface SqliteFile {
  path: string;
  /** What people call it. */
  name: string;
  /** The table that is read, where it is one. */
  table: string | undefined;
}

/** Opens a database file for reading, sharing its locks and write-ahead log with whoever writes it. */
export async function openSqlite(file: SqliteFile, options: OpenOptions): Promise<SqlSession> {
  const { signal, limits } = options;
  const problem = (error: unknown) => sqlError(error, file.name, sqliteProblem);
  const url = pathToFileURL(file.path);
  url.searchParams.set('mode', 'ro');
  let connection: Connection;
  try {
    connection = new Database(url.href, { timeout: BUSY_MS }) as unknown as Connection;
  } catch (error) {
    throw problem(error);
  }
  const connected = whileConnected(signal, () => connection.interrupt());
  const limit = setTimeout(() => connection.interrupt(), limits.timeoutMs).unref();

  // Finding the first row, with all sorting and searching before it, is not done on this thread and can be interrupted.
  const start = async ({ text, values }: Statement) => {
    const statement = await connection.prepare(text);
    return statement.raw(true).safeIntegers(true).iterate(values);
  };
  const rows = async (statement: Statement): Promise<Cell[][]> => {
    try {
      return [...(await start(statement))].map((row) => row.map(cellOf));
    } catch (error) {
      throw problem(error);
    }
  };

  const session: SqlSession = {
    dialect: sqliteDialect,
    async columns({ text }) {
      try {
        const statement = await connection.prepare(text);
        return statement.columns().map(({ name, type }) => ({ name, type: columnTypeOf(type) }));
      } catch (error) {
        throw problem(error);
      }
    },
    rows,
    async *stream(statement, batchRows) {
      try {
        let batch: Cell[][] = [];
        for (const row of await start(statement)) {
          batch.push(row.map(cellOf));
          if (batch.length < batchRows) continue;
          yield batch;
          batch = [];
          await nextTurn();
        }
        if (batch.length > 0) yield batch;
      } catch (error) {
        throw problem(error);
      }
    },
    tables: () => sqliteTables(session),
    async close() {
      connected.end();
      clearTimeout(limit);
      connection.close();
    },
  };
  try {
    await connection.exec('PRAGMA query_only = 1');
    await connection.exec('PRAGMA trusted_schema = 0');
    await connection.exec('BEGIN');
    // A transaction begins with its first reading; this also tells whether it is a database at all.
    const [found] = await rows({ text: KIND, values: [file.table ?? ''] });
    if (found?.[0] === '1') session.dialect = { ...sqliteDialect, materialize: 'all' };
    return session;
  } catch (error) {
    await session.close();
    throw problem(error);
  }
}

/** Integers in full, other numbers in the shortest form that is exactly them, bytes as lower-case hex. */
function cellOf(value: Value): Cell {
  if (value === null || typeof value === 'string') return value;
  if (typeof value === 'object') return Buffer.from(value).toString('hex');
  return String(value);
}
