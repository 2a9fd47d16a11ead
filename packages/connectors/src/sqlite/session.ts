import { pathToFileURL } from 'node:url';
import { sourceError } from '@songhua/connector-sdk';
import {
  type Cell,
  type OpenOptions,
  PROBLEMS,
  type SqlSession,
  type Statement,
  sqlError,
  statementMs,
  whileConnected,
} from '../sql/index.js';
import { sqliteDialect } from './dialect.js';
import { sqliteProblem } from './errors.js';
import { startSqliteReader } from './reader.js';
import { sqliteTables } from './tables.js';
import { columnTypeOf } from './types.js';

const ROWS_AT_ONCE = 1000;

/** Opens a database file for reading, sharing its locks and write-ahead log with whoever writes it. `name`: what people call it. */
export async function openSqlite(file: { path: string; name: string }, options: OpenOptions): Promise<SqlSession> {
  const { signal, limits } = options;
  const reader = startSqliteReader();
  const [slow, text] = PROBLEMS.slow;
  const limit = setTimeout(
    () => void reader.stop(sourceError(slow, `${file.name} ${text}`)),
    statementMs(limits),
  ).unref();
  const connected = whileConnected(signal, () => void reader.stop());

  const told = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw sqlError(error, file.name, sqliteProblem);
    }
  };
  async function* stream({ text, values }: Statement, batchRows: number): AsyncGenerator<Cell[][]> {
    await told(reader.start(text, values));
    for (;;) {
      const rows = await told(reader.next(batchRows));
      if (rows.length > 0) yield rows;
      if (rows.length < batchRows) return;
    }
  }
  const session: SqlSession = {
    dialect: sqliteDialect,
    async columns({ text }) {
      const columns = await told(reader.columns(text));
      return columns.map(({ name, type }) => ({ name, type: columnTypeOf(type) }));
    },
    async rows(statement) {
      const all: Cell[][] = [];
      for await (const rows of stream(statement, ROWS_AT_ONCE)) all.push(...rows);
      return all;
    },
    stream,
    tables: () => sqliteTables(session),
    async close() {
      connected.end();
      clearTimeout(limit);
      await reader.stop();
    },
  };
  const url = pathToFileURL(file.path);
  url.searchParams.set('mode', 'ro');
  try {
    await told(reader.open(url.href));
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}
