import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import type { SqlFile } from './sources.js';

// File names of the layout in which functions stood beside tables; those that held functions only have no successor.
const SUCCESSORS: Record<string, string> = {
  '0001_estate.sql': '20261101000001_estate',
  '0002_syncs.sql': '20261101000002_syncs',
  '0003_versions.sql': '20261101000003_versions',
  '0004_events.sql': '20261101000004_outbox_audit_renders',
  '0008_backfill.sql': '20261101000008_backfills',
  '0009_revisions.sql': '20261101000009_revisions',
  '0010_access.sql': '20261101000010_access_keys',
  '0011_secrets.sql': '20261101000011_health_notices_holds_replays',
  '0012_ingest.sql': '20261101000012_ingests',
};

/** A database that was migrated by the earlier layout goes on from where it is. */
export async function adoptEarlierLayout(client: pg.Client, migrations: SqlFile[]): Promise<void> {
  const { rows } = await client.query<{ there: boolean }>(`SELECT to_regclass('migration') IS NOT NULL AS there`);
  if (!rows[0]?.there) return;
  const names = (await client.query<{ name: string; at: Date }>('SELECT name, applied_at AS at FROM migration')).rows;
  const checksums = new Map(migrations.map(({ name, checksum }) => [name, checksum]));
  for (const { name, at } of names) {
    const successor = SUCCESSORS[name];
    if (successor)
      await client.query(
        `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
         VALUES ($1, $2, $3, $4, 1)`,
        [randomUUID(), checksums.get(successor), successor, at],
      );
  }
  await client.query('DROP TABLE migration');
}
