import type { ConnectorRecord } from '@songhua/catalog';
import type { Client } from 'pg';

// Every table with rows of a connector and its dataset, and how they are found. The audit log is a chain over all, and stays.
const TABLES: [table: string, where: string][] = [
  ['connector', 'id = $1'],
  ['sync', 'connector_id = $1'],
  ['connector_cursor', 'connector_id = $1'],
  ['connector_health', 'connector_id = $1'],
  ['ingest', 'connector_id = $1'],
  ['version', 'dataset_id = $2'],
  ['current_pointer', 'dataset_id = $2'],
  ['rejected_summary', 'dataset_id = $2'],
  ['hold_decision', 'sync_id IN (SELECT id FROM sync WHERE connector_id = $1)'],
  ['quarantine_replay', 'sync_id IN (SELECT id FROM sync WHERE connector_id = $1)'],
  ['outbox', `event #>> '{data,dataset}' = (SELECT name FROM dataset WHERE id = $2)`],
];

/** Rows by table, as JSON. */
export type Snapshot = Map<string, unknown>;

type Of = Pick<ConnectorRecord, 'id' | 'datasetId'>;

/** Everything that the database knows of a connector, as a backup has it. */
export async function takeSnapshot(database: Client, { id, datasetId }: Of): Promise<Snapshot> {
  const kept: Snapshot = new Map();
  for (const [table, where] of TABLES) {
    // Both parameters have a type in every statement.
    const { rows } = await database.query(
      `SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]') AS rows FROM ${table} t WHERE ${where} AND ($1::text, $2::text) IS NOT NULL`,
      [id, datasetId],
    );
    kept.set(table, rows[0].rows);
  }
  return kept;
}

/** Puts a snapshot back in place of what is there now, as a restore of the database does: no trigger and no key is asked. */
export async function putBack(database: Client, { id, datasetId }: Of, snapshot: Snapshot): Promise<void> {
  await database.query('BEGIN');
  await database.query('SET LOCAL session_replication_role = replica');
  for (const [table, where] of [...TABLES].reverse())
    await database.query(`DELETE FROM ${table} WHERE ${where} AND ($1::text, $2::text) IS NOT NULL`, [id, datasetId]);
  for (const [table] of TABLES)
    await database.query(
      `INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1::jsonb)`,
      [JSON.stringify(snapshot.get(table))],
    );
  await database.query(`SELECT catalog_restored('{}')`);
  await database.query('COMMIT');
}
