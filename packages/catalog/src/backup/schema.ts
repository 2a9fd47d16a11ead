import { randomUUID } from 'node:crypto';
import { SonghuaError } from '@songhua/domain';
import type pg from 'pg';
import { HISTORY } from '../migrate.js';
import { dropRoutines } from '../migrations/routines.js';
import { listMigrations } from '../migrations/sources.js';
import type { AppliedMigration } from './types.js';

const TABLES_AND_TYPES = `SELECT format('DROP TABLE %s CASCADE', c.oid::regclass) AS statement
  FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
  UNION ALL SELECT format('DROP TYPE %s CASCADE', t.oid::regtype)
  FROM pg_type t WHERE t.typnamespace = current_schema()::regnamespace AND t.typtype IN ('d', 'e')`;

/**
 * Makes the tables of the database those that exactly these migrations make, empty and without functions and triggers; what was there is
 * gone. Throws `backup.newer` when this release does not have one of them.
 */
export async function rebuildTables(client: pg.Client, applied: AppliedMigration[]): Promise<void> {
  const known = new Map(listMigrations().map((migration) => [migration.name, migration]));
  for (const { name, checksum } of applied)
    if (known.get(name)?.checksum !== checksum)
      throw new SonghuaError(
        'backup.newer',
        `the backup was made by another release: this one ${known.has(name) ? 'has another migration' : 'has no migration'} ${name}; restore with the release that made it, or a later one`,
        { actor: 'operator' },
      );
  await dropRoutines(client);
  for (const { statement } of (await client.query<{ statement: string }>(TABLES_AND_TYPES)).rows)
    await client.query(statement.replace(/^DROP (\w+) /, 'DROP $1 IF EXISTS '));
  await client.query(HISTORY);
  for (const { name, checksum, appliedAt } of applied) {
    await client.query(known.get(name)?.text ?? '');
    // When it was applied first: what is checked of old rows depends on it.
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count) VALUES ($1, $2, $3, $4, 1)`,
      [randomUUID(), checksum, name, appliedAt],
    );
  }
}

/**
 * Runs `load` while no foreign key of the database is in force, so that tables are filled in any order; putting the keys back checks every
 * row. It takes no right that the owner of the tables does not have.
 */
export async function withoutForeignKeys(client: pg.Client, load: () => Promise<void>): Promise<void> {
  const { rows: keys } = await client.query<{ table: string; name: string; definition: string }>(
    `SELECT conrelid::regclass::text AS table, quote_ident(conname) AS name, pg_get_constraintdef(oid) AS definition
     FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace`,
  );
  for (const { table, name } of keys) await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${name}`);
  await load();
  for (const { table, name, definition } of keys)
    await client.query(`ALTER TABLE ${table} ADD CONSTRAINT ${name} ${definition}`);
}
