import { randomBytes } from 'node:crypto';
import { SonghuaError } from '@songhua/domain';
import pg from 'pg';
import { applyMigrations } from './migrate.js';
import { SERVICE_ROLES, type ServiceRole } from './rights.js';
import { templateDatabase } from './test-template.js';

export interface TestDatabase {
  /** As its owner. */
  url: string;
  /** The database as the role of a service, and that role's name; all four are made when one is first asked for. */
  as(service: ServiceRole): Promise<{ url: string; role: string }>;
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
  const roles = Object.fromEntries(SERVICE_ROLES.map((service) => [service, `${name}_${service}`]));
  const password = randomBytes(12).toString('hex');
  const makeRoles = async (): Promise<void> => {
    await run(
      Object.values(roles)
        .map((role) => `CREATE ROLE ${role} LOGIN PASSWORD '${password}'`)
        .join('; '),
    );
    await applyMigrations(url.href, roles);
  };
  let made: Promise<void> | undefined;
  return {
    url: url.href,
    async as(service) {
      made ??= makeRoles();
      await made;
      const role = `${name}_${service}`;
      return { role, url: Object.assign(new URL(url), { username: role, password }).href };
    },
    tamper: (table, sql) =>
      run(`ALTER TABLE ${table} DISABLE TRIGGER USER; ${sql}; ALTER TABLE ${table} ENABLE TRIGGER USER`, url.href),
    async drop() {
      await run(`DROP DATABASE ${name} WITH (FORCE)`);
      if (made !== undefined) await run(`DROP ROLE ${Object.values(roles).join(', ')}`);
    },
  };
}
