import { randomUUID } from 'node:crypto';
import { SonghuaError } from '@songhua/domain';
import type pg from 'pg';
import { Umzug } from 'umzug';
import { connected } from './connected.js';
import { adoptEarlierLayout } from './migrations/adopt.js';
import { applyRoutines } from './migrations/routines.js';
import { listMigrations, listRoutines, type SqlFile, schemaHash } from './migrations/sources.js';
import { type DatabaseRoles, grantRights } from './roles.js';

// As the migration tools of Prisma make and read it.
export const HISTORY = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id varchar(36) PRIMARY KEY,
  checksum varchar(64) NOT NULL,
  finished_at timestamptz,
  migration_name varchar(255) NOT NULL,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(),
  applied_steps_count integer NOT NULL DEFAULT 0
)`;

/** Names everything that `applyMigrations` would make: two databases with the same hash have the same tables and routines. */
export const migrationsHash = schemaHash;

/**
 * Brings the database to this version: the migrations that it lacks, in name order, then the functions, triggers and views of `sql/` when
 * they differ from those that it has, then what each of `roles` may do; all in one transaction, so that it is at one version or the other.
 * Returns the names of the migrations applied. Any number of processes may call it at once: one works, the others find everything done. Throws SonghuaError;
 * `catalog.migration-changed` when a migration is not the one that was applied.
 */
export function applyMigrations(databaseUrl: string, roles: DatabaseRoles = {}): Promise<string[]> {
  return connected(databaseUrl, async (client) => {
    await client.query('BEGIN');
    const applied = await migrate(client);
    await grantRights(client, roles);
    await client.query('COMMIT');
    return applied;
  });
}

/** The same within a transaction of the caller's. */
export async function migrate(client: pg.Client): Promise<string[]> {
  const migrations = listMigrations();
  await client.query(`SELECT pg_advisory_xact_lock(hashtext('songhua.migrate'))`);
  await client.query(HISTORY);
  await adoptEarlierLayout(client, migrations);
  await assertUnchanged(client, migrations);
  const umzug = createMigrator(client, migrations);
  const pending = await umzug.pending();
  await applyRoutines(client, listRoutines(), {
    anew: pending.length > 0,
    between: async () => {
      await umzug.up();
    },
  });
  return pending.map(({ name }) => name);
}

const createMigrator = (client: pg.Client, migrations: SqlFile[]): Umzug =>
  new Umzug({
    migrations: migrations.map(({ name, text, checksum }) => ({
      name,
      async up() {
        await client.query(text);
        await client.query(
          `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
           VALUES ($1, $2, $3, clock_timestamp(), 1)`,
          [randomUUID(), checksum, name],
        );
      },
    })),
    storage: {
      // `up` records its name itself, beside the checksum.
      logMigration: async () => undefined,
      unlogMigration: async () => undefined,
      executed: async () => (await applied(client)).map((row) => row.name),
    },
    logger: undefined,
  });

const applied = async (client: pg.Client): Promise<{ name: string; checksum: string }[]> =>
  (
    await client.query<{ name: string; checksum: string }>(
      `SELECT migration_name AS name, checksum FROM _prisma_migrations
       WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`,
    )
  ).rows;

async function assertUnchanged(client: pg.Client, migrations: SqlFile[]): Promise<void> {
  const checksums = new Map(migrations.map(({ name, checksum }) => [name, checksum]));
  for (const { name, checksum } of await applied(client)) {
    const expected = checksums.get(name);
    if (expected === undefined || expected === checksum) continue;
    throw new SonghuaError(
      'catalog.migration-changed',
      `migration ${name} was changed after it was applied to this database; put the applied text back and add another migration`,
      { actor: 'platform' },
    );
  }
}
