import {
  type Cell,
  type OpenOptions,
  PROBLEMS,
  type SqlDialect,
  type SqlProblem,
  type SqlSession,
  type SqlTarget,
  type Statement,
  sqlError,
  whileConnected,
} from '../sql/index.js';
import { catalogStatement, tablesOfCatalog } from './catalog.js';
import { loadDriver } from './load.js';
import { startRelay } from './relay.js';
import type { columnTypeOf } from './types.js';

/** The interface that `oracledb` has and `dmdb` follows, as far as it is used. */
interface Driver {
  OUT_FORMAT_ARRAY: number;
  STRING: unknown;
  getConnection(options: Record<string, unknown>): Promise<Connection>;
}
interface Connection {
  callTimeout?: number;
  execute(text: string, values: string[], options: Record<string, unknown>): Promise<Result>;
  close(): Promise<void>;
}
interface Result {
  metaData?: { name: string; dbTypeName?: string; scale?: number }[];
  rows?: unknown[][];
  resultSet?: { getRows(count: number): Promise<unknown[][]>; close(): Promise<void> };
}

export interface OracleLike {
  driver: string;
  product: string;
  dialect: SqlDialect;
  typeOf: typeof columnTypeOf;
  /** What the driver connects to, through our relay. */
  connectString(port: number, database: string | undefined): string;
  /** Statements before the transaction. */
  manners: string[];
}

// Long enough for a busy server's login, short enough that a person waits for it.
const LOGIN_SECONDS = 20;
const LARGE = /LOB|TEXT|LONG/i;

/** Opens a connection with one read-only transaction. `folder`: where drivers are installed. */
export async function openOracleLike(
  kind: OracleLike,
  target: SqlTarget,
  options: OpenOptions,
  folder: string | undefined,
): Promise<SqlSession> {
  const driver = loadDriver(kind.driver, kind.product, folder) as Driver;
  const { network, signal, secrets, limits } = options;
  const where = `${target.host}:${target.port}`;
  const problem = (error: unknown) => sqlError(error, where, problemOf);
  const { tls } = target;
  const to = { host: target.host, port: target.port, signal };
  const socket =
    tls.mode === 'off'
      ? await network.connect(to)
      : await network.connectTls({
          ...to,
          ...(tls.ca === undefined ? {} : { ca: tls.ca }),
          ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
        });
  const relay = await startRelay(socket);
  const connected = whileConnected(signal, relay.close);
  let connection: Connection | undefined;

  const execute = async ({ text, values }: Statement, more: Record<string, unknown> = {}): Promise<Result> => {
    try {
      if (!connection) throw new Error('not connected');
      return await connection.execute(text, values, {
        outFormat: driver.OUT_FORMAT_ARRAY,
        extendedMetaData: true,
        // Large texts as texts; each driver knows one of the two ways.
        fetchTypeHandler: ({ dbTypeName }: { dbTypeName?: string }) =>
          LARGE.test(dbTypeName ?? '') && !/BLOB/i.test(dbTypeName ?? '') ? { type: driver.STRING } : undefined,
        ...more,
      });
    } catch (error) {
      throw problem(error);
    }
  };
  const session: SqlSession = {
    dialect: kind.dialect,
    async columns(statement) {
      const { metaData = [] } = await execute(statement);
      return metaData.map(({ name, dbTypeName, scale }) => ({
        name,
        native: dbTypeName,
        type: kind.typeOf(dbTypeName, scale),
      }));
    },
    rows: async (statement) => ((await execute(statement, { maxRows: 0 })).rows ?? []).map((row) => row.map(cellOf)),
    async *stream(statement, batchRows) {
      const { resultSet } = await execute(statement, { resultSet: true, fetchArraySize: batchRows });
      try {
        for (;;) {
          const rows = (await resultSet?.getRows(batchRows)) ?? [];
          if (rows.length > 0) yield rows.map((row) => row.map(cellOf));
          if (rows.length < batchRows) return;
        }
      } catch (error) {
        throw problem(error);
      }
    },
    tables: async () => tablesOfCatalog(await session.rows(catalogStatement(target.schema)), kind.typeOf),
    async close() {
      connected.end();
      // A statement on its way would be waited for.
      relay.close();
      await connection?.close().catch(() => undefined);
    },
  };
  try {
    connection = await driver.getConnection({
      user: secrets.username ?? '',
      password: secrets.password ?? '',
      connectString: kind.connectString(relay.port, target.database),
      connectTimeout: LOGIN_SECONDS,
    });
    connection.callTimeout = limits.timeoutMs;
    for (const text of kind.manners) await execute({ text, values: [] });
    await execute({ text: 'SET TRANSACTION READ ONLY', values: [] }, { autoCommit: false });
    return session;
  } catch (error) {
    await session.close();
    throw problem(error);
  }
}

function cellOf(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  return Buffer.isBuffer(value) ? value.toString('hex') : String(value);
}

/** Oracle's numbers; Dameng's are negative and said by the driver as `errCode` or at the beginning of the text. */
function problemOf(code: string, error: unknown): SqlProblem | undefined {
  const { message = '', errorNum, errCode } = error as { message?: string; errorNum?: number; errCode?: number };
  const number = Number(errorNum ?? errCode ?? /^\[?(?:ORA)?(-\d{4}|\d{5})/.exec(message)?.[1] ?? Number.NaN);
  return (
    NUMBERS[number] ??
    (code.startsWith('NJS') || code.startsWith('ORA') || Number.isFinite(number) ? PROBLEMS.other : undefined)
  );
}

const NUMBERS: Record<number, SqlProblem> = {
  1017: PROBLEMS.login,
  28000: PROBLEMS.login,
  942: PROBLEMS.object,
  904: PROBLEMS.object,
  1031: PROBLEMS.permission,
  12514: PROBLEMS.database,
  900: PROBLEMS.statement,
  933: PROBLEMS.statement,
  936: PROBLEMS.statement,
  907: PROBLEMS.statement,
  1456: PROBLEMS.readOnly,
  1013: PROBLEMS.slow,
  3136: PROBLEMS.slow,
  3113: PROBLEMS.lost,
  3114: PROBLEMS.lost,
  3135: PROBLEMS.lost,
  12516: PROBLEMS.busy,
  [-2501]: PROBLEMS.login,
  [-2106]: PROBLEMS.object,
  [-2111]: PROBLEMS.object,
  [-2007]: PROBLEMS.statement,
  [-5504]: PROBLEMS.permission,
  6001: PROBLEMS.lost,
};
