import type { ConnectorSpec, Cursor } from '@songhua/contracts';
import { connectorId, type Reason, SonghuaError } from '@songhua/domain';
import type { Database } from './database.js';
import type { ConnectorRecord, ConnectorRepository } from './types.js';

interface ConnectorRow {
  id: string;
  name: string;
  dataset: string;
  dataset_id: string;
  department: string;
  kind: string;
  mode: ConnectorRecord['mode'];
  spec: ConnectorSpec;
  paused: boolean;
  revision: number;
  primary_key: string[];
}

const SELECT = `SELECT c.id, c.name::text AS name, d.name::text AS dataset, c.dataset_id, d.department::text AS department,
  c.kind, c.mode, c.spec, c.paused, c.revision,
  coalesce(d.spec -> 'primaryKey', '[]') AS primary_key FROM connector c JOIN dataset d ON d.id = c.dataset_id AND c.deleted_at IS NULL`;

// Nothing is written when one of them is wrong: `wrong` says which, and the INSERT selects nothing.
const APPLY = `WITH asked AS (
    SELECT DISTINCT ON (e ->> 'name') e ->> 'id' AS id, e ->> 'name' AS name, e -> 'spec' AS spec, e -> 'labels' AS labels
    FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS x (e, position) ORDER BY e ->> 'name', position DESC
  ), resolved AS (
    SELECT a.*, d.id AS dataset_id, d.id IS NULL AS unknown, c.dataset_id <> d.id AS moved
    FROM asked a LEFT JOIN dataset d ON d.name = a.spec ->> 'dataset' LEFT JOIN connector c ON c.name = a.name
  ), wrong AS (SELECT name, unknown FROM resolved WHERE unknown OR moved),
  applied AS (
    INSERT INTO connector AS c (id, name, dataset_id, kind, mode, spec, labels)
    SELECT id, name, dataset_id, spec ->> 'kind', spec ->> 'mode', spec, labels FROM resolved
    WHERE NOT EXISTS (SELECT 1 FROM wrong)
    ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, mode = excluded.mode, spec = excluded.spec,
      labels = excluded.labels, deleted_at = NULL, revision = c.revision + 1, changed_at = now()
    WHERE (c.spec, c.labels) IS DISTINCT FROM (excluded.spec, excluded.labels) OR c.deleted_at IS NOT NULL
    RETURNING revision
  )
  SELECT (SELECT count(*) FROM applied WHERE revision = 1) AS created, (SELECT count(*) FROM applied WHERE revision > 1) AS changed,
    (SELECT array_agg(name) FROM wrong WHERE unknown) AS unknown, (SELECT array_agg(name) FROM wrong WHERE NOT unknown) AS moved`;

const DELETED: Reason = {
  code: 'connector.deleted',
  message: 'the connector was deleted before this sync began; apply it again to read its source',
  actor: 'department',
  retryable: false,
};

const toConnector = ({ dataset_id, primary_key, ...row }: ConnectorRow): ConnectorRecord => ({
  ...row,
  datasetId: dataset_id,
  primaryKey: primary_key,
});

export function createConnectorRepository(database: Database): ConnectorRepository {
  const { query } = database;
  return {
    async apply(resources) {
      const asked = resources.map(({ metadata, spec }) => ({
        id: connectorId(metadata.name),
        name: metadata.name,
        labels: metadata.labels ?? {},
        spec,
      }));
      const [row] = await query<{ created: number; changed: number; unknown: string[] | null; moved: string[] | null }>(
        'connector_apply',
        APPLY,
        [JSON.stringify(asked)],
      );
      if (!row) throw new SonghuaError('catalog.query', 'the catalog did not answer; report this as a defect');
      if (row.unknown)
        throw new SonghuaError(
          'connector.unknown-dataset',
          `connectors ${row.unknown.join(', ')} name datasets that do not exist; apply the datasets first`,
          { actor: 'department' },
        );
      if (row.moved)
        throw new SonghuaError(
          'connector.dataset-fixed',
          `connectors ${row.moved.join(', ')} already serve another dataset; give the new one a connector of another name`,
          { actor: 'department' },
        );
      return { created: row.created, changed: row.changed, unchanged: asked.length - row.created - row.changed };
    },

    async get(name) {
      const [row] = await query<ConnectorRow>('connector_get', `${SELECT} WHERE c.name = $1`, [name]);
      return row && toConnector(row);
    },

    async dataset(name) {
      const [row] = await query<{ department: string; primaryKey: string[] }>(
        'connector_dataset_get',
        `SELECT department::text AS department, coalesce(spec -> 'primaryKey', '[]') AS "primaryKey" FROM dataset WHERE name = $1`,
        [name],
      );
      return row;
    },

    async setPaused(name, paused) {
      const rows = await query(
        'connector_pause',
        `UPDATE connector SET paused = $2, revision = revision + CASE WHEN paused = $2 THEN 0 ELSE 1 END
         WHERE name = $1 AND deleted_at IS NULL RETURNING id`,
        [name, paused],
      );
      return rows.length > 0;
    },

    async delete(name) {
      const rows = await query(
        'connector_delete',
        `WITH gone AS (
           UPDATE connector SET deleted_at = now(), revision = revision + 1 WHERE name = $1 AND deleted_at IS NULL RETURNING id
         ), ended AS (
           UPDATE sync SET state = 'failed', reason = $2::jsonb, ended_at = clock_timestamp()
           WHERE connector_id IN (SELECT id FROM gone) AND state = 'queued'
         )
         SELECT id FROM gone`,
        [name, JSON.stringify(DELETED)],
      );
      return rows.length > 0;
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
        `SELECT count(*) || '.' || coalesce(sum(revision), 0) AS token FROM connector`,
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
        `SELECT id, slot FROM (SELECT c.id,
           (SELECT max(s.slot) FROM sync s WHERE s.connector_id = c.id AND s.slot < 'request:') AS slot FROM connector c) x
         WHERE slot IS NOT NULL`,
      );
      return new Map(rows.map((row) => [row.id, new Date(row.slot)]));
    },
  };
}
