import pg from 'pg';
import { applyMigrations, migrationsHash } from './migrate.js';

/**
 * The name of a migrated database of the server that `admin` names, to copy others from: made by whoever comes first and kept for all that
 * have the same migrations. `admin` may create databases. Throws SonghuaError.
 */
export async function templateDatabase(admin: string): Promise<string> {
  const template = `songhua_template_${migrationsHash().slice(0, 16)}`;
  const client = new pg.Client({ connectionString: admin });
  await client.connect();
  try {
    await client.query(`SELECT pg_advisory_lock(hashtext('songhua.template'))`);
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [template]);
    if (rowCount) return template;
    // Under its name only when it is whole: a run that is killed half-way leaves nothing that the next one would copy.
    const making = `${template}_making`;
    await client.query(`DROP DATABASE IF EXISTS ${making}`);
    await client.query(`CREATE DATABASE ${making}`);
    const url = new URL(admin);
    url.pathname = `/${making}`;
    await applyMigrations(url.href);
    await client.query(`ALTER DATABASE ${making} RENAME TO ${template}`);
    return template;
  } finally {
    await client.end();
  }
}
