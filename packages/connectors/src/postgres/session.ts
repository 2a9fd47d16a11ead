import type { Socket } from 'node:net';
import { rootCertificates } from 'node:tls';
import { codeOf } from '@songhua/domain';
import { Client, type ClientConfig, type QueryArrayConfig, type QueryArrayResult } from 'pg';
import Cursor from 'pg-cursor';
import {
  type Cell,
  type OpenOptions,
  type SqlSession,
  type SqlTarget,
  type Statement,
  sourceOf,
  sqlError,
  statementMs,
  whileConnected,
} from '../sql/index.js';
import { postgresDialect } from './dialect.js';
import { postgresProblem } from './errors.js';
import { postgresTables } from './tables.js';
import { columnTypeOf, TEXT_TYPES } from './types.js';

// Long enough for a busy server's login, short enough that a person waits for it.
const LOGIN_MS = 20_000;
// A reader that waits longer than this stands behind somebody's migration.
const LOCK_MS = 30_000;
// Transaction numbers are compared within half of their 32 bits; far from that edge.
const REACH = 2n ** 30n;

/** Not every server that speaks the protocol knows these; none of them changes what may be done. */
const MANNERS = [
  "SET timezone TO 'UTC'",
  'SET default_transaction_read_only TO on',
  "SET datestyle TO 'ISO, YMD'",
  "SET intervalstyle TO 'iso_8601'",
  'SET extra_float_digits TO 3',
  "SET bytea_output TO 'hex'",
  // The same table in the same order, so that the same content is the same bytes.
  'SET synchronize_seqscans TO off',
  `SET lock_timeout TO ${LOCK_MS}`,
  'SET idle_in_transaction_session_timeout TO 0',
];

// The best that the server has; none that could write.
const BEGINNINGS = ['BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', 'BEGIN READ ONLY'];

// The oldest transaction that has not ended, for tables whose rows say who wrote them, and say it to this user.
const HORIZON = `
SELECT pg_snapshot_xmin(pg_current_snapshot())::text FROM pg_class
WHERE oid = to_regclass($1) AND (relkind = 'p' OR relam = (SELECT oid FROM pg_am WHERE amname = 'heap'))
  AND has_column_privilege(oid, 'xmin', 'SELECT')`;

/** Opens a connection with one read-only snapshot of the source. */
export async function openPostgres(target: SqlTarget, options: OpenOptions): Promise<SqlSession> {
  const { signal, limits } = options;
  const where = `${target.host}:${target.port}`;
  const problem = (error: unknown) => sqlError(error, where, postgresProblem);
  const socket = await options.network.connect({ host: target.host, port: target.port, signal });
  const client = new Client(clientConfig(target, options.secrets, socket));
  // What it says is also said to whoever waits for an answer.
  client.on('error', () => undefined);
  const connected = whileConnected(signal, () => socket.destroy());
  const run = (text: string): Promise<unknown> => client.query(text);
  const begin = async (): Promise<void> => {
    const [best = '', other = ''] = BEGINNINGS;
    await run(best).catch((error: unknown) => {
      if (codeOf(error) === undefined) throw error;
      return run(other);
    });
  };
  const restart = async (): Promise<void> => {
    await run('ROLLBACK');
    await begin();
  };

  // The extended protocol takes one statement only, whatever a query hides.
  const arrays = async (statement: Statement): Promise<QueryArrayResult<Cell[]>> => {
    try {
      return await client.query<Cell[]>({
        ...statement,
        rowMode: 'array',
        types: TEXT_TYPES,
        queryMode: 'extended',
      } as QueryArrayConfig);
    } catch (error) {
      throw problem(error);
    }
  };

  const session: SqlSession = {
    dialect: postgresDialect,
    async columns(statement) {
      const { fields } = await arrays(statement);
      return fields.map(({ name, dataTypeID }) => ({ name, type: columnTypeOf(dataTypeID) }));
    },
    rows: async (statement) => (await arrays(statement)).rows,
    async *stream({ text, values }, batchRows) {
      const cursor = client.query(new Cursor<Cell[]>(text, values, { rowMode: 'array', types: TEXT_TYPES }));
      try {
        for (;;) {
          const rows = await cursor.read(batchRows);
          if (rows.length > 0) yield rows;
          if (rows.length < batchRows) return;
        }
      } catch (error) {
        throw problem(error);
      }
    },
    async tables() {
      // After an error the transaction answers nothing.
      await restart();
      return postgresTables(session, target.schema, restart);
    },
    async horizon(known) {
      if (target.table === undefined) return undefined;
      const { from } = sourceOf(target, postgresDialect) ?? { from: '' };
      try {
        const [row] = await session.rows({ text: HORIZON, values: [from] });
        const now = row?.[0];
        if (now === null || now === undefined) return undefined;
        const passed = BigInt(now) - BigInt(known ?? now);
        return { now, reachable: passed >= 0n && passed < REACH };
      } catch {
        // A server that only speaks the protocol; the failure ended the transaction.
        await restart();
        return undefined;
      }
    },
    async close() {
      connected.end();
      await client.end().catch(() => undefined);
      socket.destroy();
    },
  };
  try {
    await client.connect();
    for (const text of [`SET statement_timeout TO ${statementMs(limits)}`, ...MANNERS])
      await run(text).catch(() => undefined);
    await begin();
    return session;
  } catch (error) {
    await session.close();
    throw problem(error);
  }
}

function clientConfig(target: SqlTarget, secrets: Record<string, string>, socket: Socket): ClientConfig {
  const { tls } = target;
  const ssl = {
    minVersion: 'TLSv1.2' as const,
    rejectUnauthorized: true,
    ...(tls.ca === undefined ? {} : { ca: [...rootCertificates, tls.ca] }),
  };
  return {
    // The name that a certificate must have; the connection is there already.
    host: tls.serverName ?? target.host,
    port: target.port,
    database: target.database ?? '',
    // Both are always told, so that no environment variable or file of this machine steps in.
    user: secrets.username ?? '',
    password: secrets.password ?? '',
    ssl: tls.mode === 'off' ? false : ssl,
    stream: () => connectedAlready(socket),
    connectionTimeoutMillis: LOGIN_MS,
    application_name: 'songhua',
    client_encoding: 'UTF8',
  };
}

/** The client asks its stream to connect; ours is, to an address that was checked. */
function connectedAlready(socket: Socket): Socket {
  socket.connect = () => {
    process.nextTick(() => socket.emit('connect'));
    return socket;
  };
  return socket;
}
