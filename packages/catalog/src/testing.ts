import { randomBytes } from 'node:crypto';
import { SonghuaError } from '@songhua/domain';
import pg from 'pg';
import { templateDatabase } from './test-template.js';

export interface TestDatabase {
  url: string;
  /** Runs SQL on a table whose rows never change, past the trigger that protects it, as somebody with the database's password can. */
  tamper(table: string, sql: string): Promise<void>;
  drop(): Promise<void>;
}

/** A migrated database of a test file's own, on the server of `SONGHUA_TEST_DATABASE_URL` (a URL that may create databases). */
export async function createTestDatabase(): Promise<TestDatabase> {
  const admin = process.env.SONGHUA_TEST_DATABASE_URL;
  if (!admin)
    throw new SonghuaError(
      'config.invalid',
      'SONGHUA_TEST_DATABASE_URL is not set; point it at a PostgreSQL where tests may create databases, or run `npm test`',
      { actor: 'operator' },
    );
  const name = `songhua_test_${process.pid}_${randomBytes(4).toString('hex')}`;
  const run = async (sql: string, connectionString = admin): Promise<void> => {
    const client = new pg.Client({ connectionString });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  await run(`CREATE DATABASE ${name} TEMPLATE ${await templateDatabase(admin)}`);
  const url = new URL(admin);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    tamper: (table, sql) =>
      run(`ALTER TABLE ${table} DISABLE TRIGGER USER; ${sql}; ALTER TABLE ${table} ENABLE TRIGGER USER`, url.href),
    drop: () => run(`DROP DATABASE ${name} WITH (FORCE)`),
  };
}
