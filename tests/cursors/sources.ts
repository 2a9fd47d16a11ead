import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connector } from '@songhua/connector-sdk';
import { connectorKinds } from '@songhua/connectors';
import Database from 'libsql';
import { Client } from 'pg';

export interface Writer {
  run(sql: string): Promise<void>;
}

/** A database whose applications write the table `items`. */
export interface Source {
  connector: Connector;
  config: Record<string, unknown>;
  secrets: Record<string, string>;
  /** Types of a time with microseconds, of a flag, and of a number that the database gives. */
  types: { time: string; flag: string; serial: string };
  /** Commits each statement at once. */
  direct: Writer;
  /** Other connections, which may leave transactions open; none where only one may write. */
  others: Writer[];
  select(sql: string): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

function kindNamed(name: string, fileRoots: string[]): Connector {
  const connector = connectorKinds({ fileRoots }).get(name);
  if (!connector) throw new Error(`there is no kind ${name}`);
  return connector;
}

/** A database of the test's own on the server that the tests start. */
export async function postgresSource(): Promise<Source> {
  const url = new URL(process.env.SONGHUA_TEST_DATABASE_URL ?? '');
  const database = `histories_${process.pid}_${randomBytes(4).toString('hex')}`;
  const admin = new Client({ connectionString: url.href });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${database}`);
  const own = new URL(url);
  own.pathname = `/${database}`;
  const clients = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const client = new Client({ connectionString: own.href });
      await client.connect();
      return client;
    }),
  );
  const writers = clients.map((client) => ({
    run: async (sql: string) => {
      await client.query(sql);
    },
  }));
  const [direct, ...others] = writers as [Writer, ...Writer[]];
  return {
    connector: kindNamed('postgres', []),
    config: { host: url.hostname, port: Number(url.port), database, tls: { mode: 'off' }, table: 'items' },
    secrets: { username: url.username, password: url.password },
    types: { time: 'timestamptz', flag: 'boolean', serial: 'serial PRIMARY KEY' },
    direct,
    others,
    select: async (sql) => ((await clients[0]?.query(sql))?.rows ?? []) as Record<string, unknown>[],
    async close() {
      await Promise.all(clients.map((client) => client.end()));
      await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
      await admin.end();
    },
  };
}

/** A database file of the test's own. */
export async function sqliteSource(): Promise<Source> {
  const root = await mkdtemp(join(tmpdir(), 'songhua-histories-'));
  const database = new Database(join(root, 'source.db'));
  database.exec('PRAGMA journal_mode = WAL');
  return {
    connector: kindNamed('sqlite', [root]),
    config: { path: 'source.db', table: 'items' },
    secrets: {},
    types: { time: 'text', flag: 'integer', serial: 'INTEGER PRIMARY KEY AUTOINCREMENT' },
    direct: {
      run: async (sql) => {
        database.exec(sql);
      },
    },
    others: [],
    select: async (sql) => database.prepare(sql).all() as Record<string, unknown>[],
    async close() {
      database.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
