import { randomBytes } from 'node:crypto';
import { SonghuaError } from '@songhua/domain';
import pg from 'pg';
import { applyMigrations } from './migrate.js';

export interface TestDatabase {
  url: string;
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
  const run = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: admin });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  await run(`CREATE DATABASE ${name}`);
  const url = new URL(admin);
  url.pathname = `/${name}`;
  await applyMigrations(url.href);
  return { url: url.href, drop: () => run(`DROP DATABASE ${name} WITH (FORCE)`) };
}
