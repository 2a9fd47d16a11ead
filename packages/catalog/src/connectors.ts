import type { ConnectorSpec, Cursor } from '@songhua/contracts';
import { connectorState } from '@songhua/domain';
import { applyConnectors, deleteConnector, stepConnector } from './connector-changes.js';
import type { Database } from './database.js';
import { type DatasetOfConnector, type LifeRow, lifeOf } from './resource-types.js';
import type { ConnectorRecord, ConnectorRepository } from './types.js';

interface ConnectorRow extends LifeRow {
  id: string;
  name: string;
  dataset: string;
  dataset_id: string;
  department: string;
  kind: string;
  mode: ConnectorRecord['mode'];
  spec: ConnectorSpec;
  revision: number;
  primary_key: string[];
  has_run: boolean;
  remark: string | null;
  changed_at: Date;
}

const SELECT = `SELECT c.id, c.name::text AS name, d.name::text AS dataset, c.dataset_id, d.department::text AS department,
  c.kind, c.mode, c.spec, c.revision, c.approved_revision, c.proposed_revision, c.proposal, c.halt, c.remark, c.changed_at,
  c.last_number > 0 AS has_run, coalesce(d.spec -> 'primaryKey', '[]') AS primary_key
  FROM connector c JOIN dataset d ON d.id = c.dataset_id AND c.deleted_at IS NULL`;

const toConnector = (row: ConnectorRow): ConnectorRecord => {
  const life = lifeOf(row);
  const { id, name, dataset, department, kind, mode, spec, revision, remark } = row;
  return {
    id,
    name,
    dataset,
    datasetId: row.dataset_id,
    department,
    kind,
    mode,
    spec,
    revision,
    state: connectorState(life, row.has_run),
    approved: life.approved,
    proposal: life.proposal,
    remark,
    changedAt: row.changed_at,
    primaryKey: row.primary_key,
  };
};

export function createConnectorRepository(database: Database): ConnectorRepository {
  const { query } = database;
  return {
    apply: (resources, author, options) => applyConnectors(database, resources, author, options),
    step: (name, event, by) => stepConnector(database, name, event, by),
    delete: (name, author) => deleteConnector(database, name, author),

    async get(name) {
      const [row] = await query<ConnectorRow>('connector_get', `${SELECT} WHERE c.name = $1`, [name]);
      return row && toConnector(row);
    },

    async dataset(name) {
      const [row] = await query<DatasetOfConnector>(
        'connector_dataset_get',
        `SELECT d.department::text AS department, coalesce(d.spec -> 'primaryKey', '[]') AS "primaryKey", d.spec,
           CASE WHEN v.number IS NOT NULL THEN jsonb_build_object('version', v.number, 'identity', v.identity, 'rows', v.rows,
             'schema', v.table_schema, 'parquetKey',
             (SELECT f ->> 'key' FROM jsonb_array_elements(v.files) f WHERE f ->> 'name' = 'data.parquet')) END AS current
         FROM dataset d LEFT JOIN current_pointer p ON p.dataset_id = d.id
           LEFT JOIN version v ON v.dataset_id = p.dataset_id AND v.number = p.number
         WHERE d.name = $1`,
        [name],
      );
      return row;
    },

    async secrets(name, revision) {
      const rows = await query<{ name: string; value: string }>(
        'connector_secrets',
        `SELECT s.name, s.value FROM revision r JOIN connector c ON c.name = r.name
           JOIN connector_secret s ON s.connector_id = c.id AND s.revision = (r.secrets ->> s.name)::integer
         WHERE r.kind = 'Connector' AND r.name = $1 AND r.number = $2`,
        [name, revision],
      );
      return Object.fromEntries(rows.map((row) => [row.name, row.value]));
    },

    async list(filter) {
      const rows = await query<ConnectorRow>(
        'connector_list',
        `${SELECT} WHERE ($1::text IS NULL OR d.department = $1) AND ($2::text[] IS NULL OR c.name = ANY ($2)) ORDER BY c.name`,
        [filter.department ?? null, filter.names ?? null],
      );
      return rows.map(toConnector);
    },

    async changeToken() {
      const [row] = await query<{ token: string }>(
        'connector_token',
        `SELECT count(*) || '.' || coalesce(sum(revision + changes), 0) AS token FROM connector`,
      );
      return row?.token ?? '';
    },

    async cursors(connectorIds) {
      const rows = await query<{ id: string; cursor: Cursor }>(
        'connector_cursors',
        `SELECT c.connector_id AS id,
           CASE WHEN k.validators_base = c.number THEN c.cursor || k.validators ELSE c.cursor END AS cursor
         FROM connector_cursor c JOIN connector k ON k.id = c.connector_id WHERE c.connector_id = ANY ($1::text[])`,
        [connectorIds],
      );
      return new Map(rows.map((row) => [row.id, row.cursor]));
    },

    async lastSlots() {
      const rows = await query<{ id: string; slot: string }>(
        'connector_last_slots',
        // Instants begin with a digit, every other slot with a letter.
        `SELECT id, slot FROM (SELECT c.id,
           (SELECT max(s.slot) FROM sync s WHERE s.connector_id = c.id AND s.slot < 'a') AS slot FROM connector c) x
         WHERE slot IS NOT NULL`,
      );
      return new Map(rows.map((row) => [row.id, new Date(row.slot)]));
    },
  };
}
