import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { Umzug } from 'umzug';
import { databaseError } from './errors.js';

const MIGRATIONS = join(__dirname, '..', 'migrations');

/**
 * Applies the reviewed SQL under migrations/ that the database does not have yet, each in a transaction of its own, in name order.
 * Returns the names applied. Any number of processes may call it at once: an advisory lock lets one work and the others find
 * everything done. Throws SonghuaError.
 */
export async function applyMigrations(databaseUrl: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    await client.query(`SELECT pg_advisory_lock(hashtext('songhua.migrate'))`);
    await client.query(
      'CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    const umzug = new Umzug({
      migrations: {
        glob: ['*.sql', { cwd: MIGRATIONS }],
        resolve: ({ name, path }) => ({ name, up: () => applyFile(client, name, path as string) }),
      },
      storage: {
        // The name is recorded by `applyFile`, in the transaction of the migration itself.
        logMigration: async () => undefined,
        unlogMigration: async () => undefined,
        executed: async () =>
          (await client.query<{ name: string }>('SELECT name FROM migration ORDER BY name')).rows.map(
            (row) => row.name,
          ),
      },
      logger: undefined,
    });
    return (await umzug.up()).map((migration) => migration.name);
  } catch (error) {
    throw databaseError((error as { cause?: unknown }).cause ?? error);
  } finally {
    await client.end();
  }
}

async function applyFile(client: pg.Client, name: string, path: string): Promise<void> {
  const sql = await readFile(path, 'utf8');
  await client.query('BEGIN');
  try {
    await client.query(sql);
    await client.query('INSERT INTO migration (name) VALUES ($1)', [name]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}
