import { isIP, type Socket } from 'node:net';
import { rootCertificates } from 'node:tls';
import { sourceError } from '@songhua/connector-sdk';
import { type ConnectionOptions, createConnection, type FieldPacket, type QueryOptions } from 'mysql2';
import {
  type Cell,
  type OpenOptions,
  type SqlSession,
  type SqlTarget,
  type Statement,
  sqlError,
  statementMs,
  whileConnected,
} from '../sql/index.js';
import { cellReader, columnTypeOf, type MysqlField } from './cells.js';
import { mysqlDialect } from './dialect.js';
import { mysqlProblem } from './errors.js';
import { mysqlTables } from './tables.js';

// Long enough for a busy server's login, short enough that a person waits for it.
const LOGIN_MS = 20_000;
const LOCK_SECONDS = 30;
// The server gives up a reader that takes nothing for this long; the pipeline behind may hold us up for minutes.
const PATIENCE_SECONDS = 3600;

/** Opens a connection with one read-only snapshot of the source. */
export async function openMysql(target: SqlTarget, options: OpenOptions): Promise<SqlSession> {
  const { signal, limits } = options;
  const where = `${target.host}:${target.port}`;
  const problem = (error: unknown) => sqlError(error, where, mysqlProblem);
  if (target.tls.mode === 'verify' && isIP(target.tls.serverName ?? target.host) !== 0)
    throw sourceError(
      'connector.config-invalid',
      `the certificate of ${where} can only be checked by a name: write the host by name, or tell the name as tls.serverName`,
    );
  const socket = await options.network.connect({ host: target.host, port: target.port, signal });
  const connection = createConnection(connectionOptions(target, options.secrets, socket));
  // What it says is also said to whoever waits for an answer.
  connection.on('error', () => undefined);
  const connected = whileConnected(signal, () => connection.destroy());

  const query = (statement: Statement): Promise<{ rows: (Buffer | null)[][]; fields: MysqlField[] }> =>
    new Promise((resolve, reject) => {
      connection.query(asBytes(statement), (error, rows, fields) => {
        if (error) reject(problem(error));
        else resolve({ rows: rows as unknown as (Buffer | null)[][], fields: (fields ?? []).map(fieldOf) });
      });
    });
  const run = (text: string): Promise<unknown> => query({ text, values: [] });

  const session: SqlSession = {
    dialect: mysqlDialect,
    async columns(statement) {
      const { fields } = await query(statement);
      return fields.map((field) => ({ name: field.name, type: columnTypeOf(field) }));
    },
    async rows(statement) {
      const { rows, fields } = await query(statement);
      return rows.map(rowReader(fields));
    },
    async *stream(statement, batchRows) {
      const result = connection.query(asBytes(statement));
      let read: ((row: (Buffer | null)[]) => Cell[]) | undefined;
      result.on('fields', (fields: FieldPacket[]) => {
        read = rowReader(fields.map(fieldOf));
      });
      const incoming = result.stream({ highWaterMark: batchRows });
      // A connection that breaks tells itself only, not the results that were on their way.
      const onError = (error: Error): void => void incoming.destroy(error);
      connection.once('error', onError);
      let rows: Cell[][] = [];
      try {
        for await (const row of incoming as AsyncIterable<(Buffer | null)[]>) {
          if (read) rows.push(read(row));
          if (rows.length < batchRows) continue;
          yield rows;
          rows = [];
        }
      } catch (error) {
        throw problem(error);
      } finally {
        connection.off('error', onError);
      }
      if (rows.length > 0) yield rows;
    },
    tables: () => mysqlTables(session, target.schema),
    async close() {
      connected.end();
      connection.destroy();
    },
  };
  try {
    await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())));
    await run(
      `SET time_zone = '+00:00', sql_mode = REPLACE(@@sql_mode, 'NO_BACKSLASH_ESCAPES', ''),
       lock_wait_timeout = ${LOCK_SECONDS}, innodb_lock_wait_timeout = ${LOCK_SECONDS}, net_write_timeout = ${PATIENCE_SECONDS}`,
    );
    // MySQL in milliseconds, MariaDB in seconds; each knows only its own.
    await run(`SET max_execution_time = ${statementMs(limits)}`).catch(() => undefined);
    await run(`SET max_statement_time = ${statementMs(limits) / 1000}`).catch(() => undefined);
    await run('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await run('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    return session;
  } catch (error) {
    await session.close();
    throw problem(error);
  }
}

const rowReader = (fields: MysqlField[]): ((row: (Buffer | null)[]) => Cell[]) => {
  const readers = fields.map(cellReader);
  return (row) => row.map((cell, index) => readers[index]?.(cell) ?? null);
};

const fieldOf = (field: FieldPacket): MysqlField => ({
  name: field.name,
  columnType: field.columnType ?? field.type ?? 0,
  characterSet: field.characterSet ?? 0,
});

/** The text protocol, whose cells are as the server writes them; values are escaped by the client. */
const asBytes = ({ text, values }: Statement): QueryOptions => ({
  sql: text,
  values,
  rowsAsArray: true,
  typeCast: (field) => field.buffer(),
});

function connectionOptions(target: SqlTarget, secrets: Record<string, string>, socket: Socket): ConnectionOptions {
  const { tls } = target;
  const ssl = {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    verifyIdentity: true,
    ...(tls.ca === undefined ? {} : { ca: [...rootCertificates, tls.ca] }),
  };
  return {
    // The name that a certificate must have; the connection is there already, to an address that was checked.
    host: tls.serverName ?? target.host,
    port: target.port,
    stream: socket,
    user: secrets.username ?? '',
    password: secrets.password ?? '',
    ...(target.database === undefined ? {} : { database: target.database }),
    ...(tls.mode === 'off' ? {} : { ssl }),
    charset: 'utf8mb4',
    connectTimeout: LOGIN_MS,
    multipleStatements: false,
    // The server must not ask for files of this machine.
    flags: ['-LOCAL_FILES'],
  };
}
