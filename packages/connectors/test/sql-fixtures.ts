import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connector, cellsOf, type ReadContext } from '@songhua/connector-sdk';
import type { ConnectorFixture } from '@songhua/connector-sdk/conformance';
import Database from 'libsql';
import { Client } from 'pg';
import { createMysqlConnector, createPostgresConnector, createSqliteConnector } from '../src/index.js';
import { LOOPBACK } from './reading.js';
import { type MariaDb, startMariaDb } from './servers/mariadb.js';

/** A database of the test's own and the connector that reads it. */
export interface SqlFixture {
  connector: Connector;
  /** The config without what is read. */
  config: Record<string, unknown>;
  secrets: Record<string, string>;
  quote(name: string): string;
  /** The type of a time with microseconds. */
  time: string;
  execute(...statements: string[]): Promise<void>;
  close(): Promise<void>;
}

export async function postgresFixture(): Promise<SqlFixture> {
  const url = new URL(process.env.SONGHUA_TEST_DATABASE_URL ?? '');
  const database = `sql_${randomBytes(6).toString('hex')}`;
  await once(url, `CREATE DATABASE ${database}`);
  const own = new URL(url);
  own.pathname = `/${database}`;
  return {
    connector: createPostgresConnector() as Connector,
    config: { host: url.hostname, port: Number(url.port), database, tls: { mode: 'off' } },
    secrets: { username: url.username, password: url.password },
    quote: (name) => `"${name.replaceAll('"', '""')}"`,
    time: 'timestamptz',
    execute: (...statements) => once(own, ...statements),
    close: () => once(url, `DROP DATABASE ${database} WITH (FORCE)`),
  };
}

async function once(url: URL, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url.href });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

export async function mysqlFixture(args: string[] = []): Promise<SqlFixture & { server: MariaDb }> {
  const server = await startMariaDb({ args });
  const database = 'source';
  await server.execute('mysql', `CREATE DATABASE ${database}`);
  return {
    server,
    connector: createMysqlConnector() as Connector,
    config: { host: '127.0.0.1', port: server.port, database, tls: { mode: 'off' } },
    secrets: { username: server.username, password: server.password },
    quote: (name) => `\`${name.replaceAll('`', '``')}\``,
    time: 'datetime(6)',
    execute: (...statements) => server.execute(database, ...statements),
    close: () => server.stop(),
  };
}

export async function sqliteFixture(): Promise<SqlFixture & { path: string }> {
  const root = await mkdtemp(join(tmpdir(), 'songhua-sqlite-'));
  const path = join(root, 'source.db');
  const database = new Database(path);
  // As applications keep it.
  database.exec('PRAGMA journal_mode = WAL');
  return {
    path,
    connector: createSqliteConnector({ roots: [root] }) as Connector,
    config: { path: 'source.db' },
    secrets: {},
    quote: (name) => `"${name.replaceAll('"', '""')}"`,
    time: 'datetime',
    async execute(...statements) {
      for (const statement of statements) database.exec(statement);
    },
    async close() {
      database.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** What test and discover are called with. */
export function trialOf(fixture: SqlFixture, extra: Record<string, unknown>): ReadContext<unknown> {
  return {
    config: fixture.connector.configSchema.parse({ ...fixture.config, ...extra }),
    secrets: fixture.secrets,
    cursor: undefined,
    signal: new AbortController().signal,
    tempDir: tmpdir(),
    limits: { maxBytes: 64 * 1024 * 1024, timeoutMs: 30_000 },
    mode: 'full',
    primaryKey: [],
    network: LOOPBACK,
  };
}

export const literal = (cell: string): string => `'${cell.replaceAll("'", "''")}'`;

// Statements of a size that every server takes.
const ROWS_A_STATEMENT = 2_000;

/** The fixture of the conformance suite: its CSV as a table of text. */
export function asConnectorFixture(fixture: SqlFixture): ConnectorFixture {
  const { quote, execute } = fixture;
  return {
    connector: fixture.connector,
    source: 'table',
    config: { ...fixture.config, table: 'items' },
    secrets: fixture.secrets,
    network: LOOPBACK,
    async write(csv) {
      const [header = [], ...rows] = cellsOf(Buffer.from(csv), Number.POSITIVE_INFINITY);
      const columns = header.map((name) => `${quote(name)} text`).join(', ');
      const statements: string[] = [];
      for (let at = 0; at < rows.length; at += ROWS_A_STATEMENT) {
        const tuples = rows.slice(at, at + ROWS_A_STATEMENT).map((row) => `(${row.map(literal).join(',')})`);
        statements.push(`INSERT INTO items VALUES ${tuples.join(',')}`);
      }
      await execute('DROP TABLE IF EXISTS items', `CREATE TABLE items (${columns})`, ...statements);
    },
    remove: () => execute('DROP TABLE items'),
    close: fixture.close,
  };
}
