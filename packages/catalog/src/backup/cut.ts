import type pg from 'pg';
import type { AppliedMigration, CatalogCut, NumberedColumn, TableShape } from './types.js';

// Made anew by a restore, from the list of migrations.
const OWN = `('_prisma_migrations', 'applied_routines')`;

const FACTS = `SELECT jsonb_build_object(
  'at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
  'audit', coalesce((SELECT jsonb_build_object('sequence', sequence, 'hash', encode(hash, 'hex'))
    FROM audit ORDER BY sequence DESC LIMIT 1), '{"sequence": 0, "hash": ""}'),
  'totals', jsonb_build_object('datasets', (SELECT count(*) FROM dataset), 'versions', (SELECT count(*) FROM version),
    'records', (SELECT coalesce(sum(rows), 0) FROM current_pointer),
    'openSyncs', (SELECT count(*) FROM sync WHERE ended_at IS NULL)),
  'secrets', (SELECT jsonb_build_object('connectors', count(DISTINCT connector_id),
    'keys', coalesce(jsonb_agg(DISTINCT split_part(value, '.', 2)), '[]')) FROM connector_secret)) AS facts`;

/** What a restore must know besides the rows. Within the transaction of the snapshot. */
export async function cutOf(client: pg.Client): Promise<CatalogCut> {
  const { rows: facts } = await client.query<{ facts: Omit<CatalogCut, 'migrations' | 'tables' | 'numbered'> }>(FACTS);
  const { rows: migrations } = await client.query<AppliedMigration>(
    `SELECT migration_name AS name, checksum, to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "appliedAt"
     FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`,
  );
  const { rows: tables } = await client.query<TableShape>(
    `SELECT c.relname::text AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ${OWN}
     GROUP BY c.relname ORDER BY c.relname`,
  );
  const numbered: NumberedColumn[] = [];
  for (const { table, column, sequence } of await numberedColumns(client)) {
    const { rows } = await client.query<{ last: string }>(
      `SELECT CASE WHEN is_called THEN last_value ELSE 0 END::text AS last FROM ${sequence}`,
    );
    numbered.push({ table, column, last: Number(rows[0]?.last ?? 0) });
  }
  const [row] = facts;
  if (!row) throw new Error('the catalog did not answer');
  return { ...row.facts, migrations, tables, numbered };
}

const numberedColumns = async (client: pg.Client): Promise<{ table: string; column: string; sequence: string }[]> =>
  (
    await client.query<{ table: string; column: string; sequence: string }>(
      `SELECT * FROM (
         SELECT c.relname::text AS table, a.attname::text AS column, pg_get_serial_sequence(c.oid::regclass::text, a.attname) AS sequence
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r') s
       WHERE sequence IS NOT NULL ORDER BY 1, 2`,
    )
  ).rows;
