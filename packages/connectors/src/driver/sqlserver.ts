import { rootCertificates } from 'node:tls';
import {
  type Cell,
  type OpenOptions,
  PROBLEMS,
  type SqlProblem,
  type SqlSession,
  type SqlTarget,
  type Statement,
  sqlError,
  whileConnected,
} from '../sql/index.js';
import { sqlserverCatalog, tablesOfSqlserver } from './catalog.js';
import { sqlserverDialect } from './dialects.js';
import { loadDriver } from './load.js';
import { startRelay } from './relay.js';
import { columnTypeOf } from './types.js';

/** `mssql`, as far as it is used. */
interface Driver {
  ConnectionPool: new (config: Record<string, unknown>) => Pool;
  Transaction: new (pool: Pool) => { begin(level: number): Promise<void>; rollback(): Promise<void> };
  Request: new (transaction: unknown) => Request;
  ISOLATION_LEVEL: { SNAPSHOT: number; READ_COMMITTED: number };
  NVarChar: unknown;
}
interface Pool {
  connect(): Promise<Pool>;
  close(): Promise<void>;
}
type Field = { index: number; name: string; type?: { declaration?: string } | (() => { declaration?: string }) };
interface Request {
  arrayRowMode: boolean;
  input(name: string, type: unknown, value: string): void;
  query(
    text: string,
  ): Promise<{ recordset: unknown[][] & { columns?: Record<string, Field> | Field[][] }; columns?: Field[][] }>;
  toReadableStream(options: { highWaterMark: number }): AsyncIterable<unknown[]>;
}

const LOGIN_MS = 20_000;

/** Opens a connection whose transaction is rolled back at its end, with a snapshot where the database allows it. */
export async function openSqlserver(
  target: SqlTarget,
  options: OpenOptions,
  folder: string | undefined,
): Promise<SqlSession> {
  const driver = loadDriver('mssql', 'SQL Server', folder) as Driver;
  const { network, signal, secrets, limits } = options;
  const where = `${target.host}:${target.port}`;
  const problem = (error: unknown) => sqlError(error, where, problemOf);
  const { tls } = target;
  const relay = await startRelay(await network.connect({ host: target.host, port: target.port, signal }));
  const connected = whileConnected(signal, relay.close);
  const pool = new driver.ConnectionPool({
    server: '127.0.0.1',
    port: relay.port,
    database: target.database,
    user: secrets.username ?? '',
    password: secrets.password ?? '',
    connectionTimeout: LOGIN_MS,
    requestTimeout: limits.timeoutMs,
    arrayRowMode: true,
    // One session, so that there is one transaction and nothing that connects again.
    pool: { min: 0, max: 1 },
    options: {
      encrypt: tls.mode !== 'off',
      trustServerCertificate: false,
      // The name that the certificate must have; the relay goes to the address that was checked.
      serverName: tls.serverName ?? target.host,
      readOnlyIntent: true,
      cryptoCredentialsDetails: {
        minVersion: 'TLSv1.2',
        ...(tls.ca === undefined ? {} : { ca: [...rootCertificates, tls.ca] }),
      },
    },
  });
  let transaction: InstanceType<Driver['Transaction']> | undefined;

  const request = ({ values }: Statement): Request => {
    const made = new driver.Request(transaction);
    made.arrayRowMode = true;
    for (const [index, value] of values.entries()) made.input(`p${index + 1}`, driver.NVarChar, value);
    return made;
  };
  const query = async (statement: Statement): Promise<Awaited<ReturnType<Request['query']>>> => {
    try {
      return await request(statement).query(statement.text);
    } catch (error) {
      throw problem(error);
    }
  };
  const session: SqlSession = {
    dialect: sqlserverDialect,
    async columns(statement) {
      const { columns, recordset } = await query(statement);
      const fields = columns?.[0] ?? Object.values(recordset.columns ?? {}).flat();
      return fields.map(({ name, type }) => {
        const native = (typeof type === 'function' ? type() : type)?.declaration;
        return { name, native, type: columnTypeOf(native) };
      });
    },
    rows: async (statement) => (await query(statement)).recordset.map((row) => row.map(cellOf)),
    async *stream(statement, batchRows) {
      const running = request(statement);
      const incoming = running.toReadableStream({ highWaterMark: batchRows });
      running.query(statement.text).catch(() => undefined);
      let rows: Cell[][] = [];
      try {
        for await (const row of incoming) {
          rows.push(row.map(cellOf));
          if (rows.length < batchRows) continue;
          yield rows;
          rows = [];
        }
      } catch (error) {
        throw problem(error);
      }
      if (rows.length > 0) yield rows;
    },
    tables: async () => tablesOfSqlserver(await session.rows(sqlserverCatalog(target.schema))),
    async close() {
      connected.end();
      // Nothing was written; an open transaction goes with its connection.
      relay.close();
      await pool.close().catch(() => undefined);
    },
  };
  try {
    await pool.connect();
    transaction = new driver.Transaction(pool);
    await transaction.begin(driver.ISOLATION_LEVEL.READ_COMMITTED);
    const snapshot = await session.rows({ text: SNAPSHOT, values: [] });
    if (snapshot[0]?.[0] === '1') {
      await transaction.rollback();
      transaction = new driver.Transaction(pool);
      await transaction.begin(driver.ISOLATION_LEVEL.SNAPSHOT);
    }
    return session;
  } catch (error) {
    await session.close();
    throw problem(error);
  }
}

const SNAPSHOT = 'SELECT CONVERT(varchar(1), snapshot_isolation_state) FROM sys.databases WHERE name = DB_NAME()';

const cellOf = (value: unknown): Cell => (value === null || value === undefined ? null : String(value));

function problemOf(code: string, error: unknown): SqlProblem | undefined {
  const { number } = error as { number?: number };
  return NUMBERS[number ?? 0] ?? CODES[code] ?? (code === '' ? undefined : PROBLEMS.other);
}

const NUMBERS: Record<number, SqlProblem> = {
  18456: PROBLEMS.login,
  4060: PROBLEMS.database,
  208: PROBLEMS.object,
  207: PROBLEMS.object,
  229: PROBLEMS.permission,
  230: PROBLEMS.permission,
  102: PROBLEMS.statement,
  156: PROBLEMS.statement,
  1222: PROBLEMS.locked,
  1205: PROBLEMS.conflict,
};
const CODES: Record<string, SqlProblem> = {
  ELOGIN: PROBLEMS.login,
  ETIMEOUT: PROBLEMS.slow,
  ESOCKET: PROBLEMS.lost,
  ECONNCLOSED: PROBLEMS.lost,
};
