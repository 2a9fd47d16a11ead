import type { DatasetSpec, Summary } from '@songhua/contracts';
import {
  FRESHNESS_STATES,
  type Frequency,
  type Freshness,
  freshness,
  IN_SYNC_STATES,
  type InSync,
  inSync,
  type LastLook,
  type Reason,
  refreshStateOf,
  type SyncState,
  type TableSchema,
} from '@songhua/domain';
import type { Database } from './database.js';
import type { DatasetDetail, DatasetEntry, DatasetQuery } from './types.js';

interface EntryRow {
  name: string;
  title: string;
  department: string;
  domain: string;
  frequency: Frequency;
  retired: boolean;
  confirmation_counts: boolean;
  schedule_wait: number | null;
  last_look: LastLook | null;
  rows: number;
  bytes: number;
  version: number | null;
  versions: number;
  checked_at: Date | null;
  source_changed_at: Date | null;
  data_changed_at: Date | null;
  metadata_changed_at: Date;
  freshness: Freshness;
  in_sync: InSync;
  sync_id: string | null;
  sync_state: SyncState;
  landed: boolean;
  reason: Reason | null;
  spec: DatasetSpec;
  table_schema: TableSchema | null;
}

// Counted before they are joined: the joins are paid for one page only.
const DETAILS = `SELECT e.*, (SELECT count(*) FROM version v WHERE v.dataset_id = e.id) AS versions,
    l.id AS sync_id, l.state AS sync_state, l.landing_key IS NOT NULL AS landed, l.reason
  FROM page e
  LEFT JOIN LATERAL (SELECT id, state, reason, landing_key FROM sync s WHERE s.dataset_id = e.id ORDER BY queued_at DESC LIMIT 1) l
    ON true`;

const STATES = `freshness(frequency, retired,
      last_change(confirmation_counts, checked_at, source_changed_at, data_changed_at), due, overdue, delinquent, $1) AS freshness,
    in_sync(retired, last_look, checked_at, data_changed_at, confirmation_holds(frequency, overdue, schedule_wait), $1) AS in_sync`;

const ORDER_BY: Record<DatasetQuery['sort'], string> = {
  name: 'name',
  rows: 'rows DESC, name',
  changed: 'data_changed_at DESC NULLS LAST, name',
  // Worst first: what an operator looks for.
  freshness: `array_position(ARRAY['delinquent', 'overdue', 'due', 'unknown', 'fresh', 'retired'], freshness), name`,
};

function toEntry(row: EntryRow, now: Date): DatasetEntry {
  const clocks = {
    checkedAt: row.checked_at,
    sourceChangedAt: row.source_changed_at,
    dataChangedAt: row.data_changed_at,
    metadataChangedAt: row.metadata_changed_at,
  };
  const { frequency, retired } = row;
  const promised = freshness({ frequency, retired, confirmationCounts: row.confirmation_counts }, clocks, now);
  const looked = inSync({ frequency, retired, last: row.last_look, wait: row.schedule_wait }, clocks, now);
  return {
    name: row.name,
    title: row.title,
    department: row.department,
    domain: row.domain,
    frequency: row.frequency,
    rows: row.rows,
    bytes: row.bytes,
    version: row.version,
    versions: row.versions,
    clocks,
    freshness: row.freshness,
    dueAt: promised.dueAt,
    lateSince: promised.lateSince,
    inSync: row.in_sync,
    inSyncUntil: looked.until,
    lastSync:
      row.sync_id === null
        ? null
        : {
            id: row.sync_id,
            state: row.sync_state,
            refresh: row.landed ? refreshStateOf(row.sync_state) : null,
            reason: row.reason,
          },
  };
}

/** `%`, `_` and `\` of a search text stand for themselves. */
const likePattern = (text: string): string => `%${text.toLowerCase().replace(/[\\%_]/g, '\\$&')}%`;

export async function listDatasets(
  { query }: Database,
  filter: DatasetQuery,
  now: Date,
): Promise<{ total: number; items: DatasetEntry[] }> {
  const order = ORDER_BY[filter.sort];
  const [result] = await query<{ total: number; items: EntryJson[] | null }>(
    `dataset_list_${filter.sort}`,
    `WITH matching AS MATERIALIZED (
       SELECT * FROM (SELECT d.*, ${STATES} FROM dataset_entry d
         WHERE ($2::text IS NULL OR d.search LIKE $2) AND ($3::text IS NULL OR d.department = $3)
           AND ($4::text IS NULL OR d.domain = $4)) f
       WHERE ($5::text IS NULL OR freshness = $5) AND ($8::text IS NULL OR in_sync = $8)
     ), page AS (SELECT * FROM matching ORDER BY ${order} LIMIT $6 OFFSET $7),
     details AS (${DETAILS})
     SELECT (SELECT count(*) FROM matching) AS total,
       (SELECT jsonb_agg(to_jsonb(details) - 'search' - 'spec' ORDER BY ${order}) FROM details) AS items`,
    [
      now,
      filter.q === undefined ? null : likePattern(filter.q),
      filter.department ?? null,
      filter.domain ?? null,
      filter.freshness ?? null,
      filter.pageSize,
      (filter.page - 1) * filter.pageSize,
      filter.inSync ?? null,
    ],
  );
  return { total: result?.total ?? 0, items: (result?.items ?? []).map((item) => toEntry(fromJson(item), now)) };
}

type Clock = 'checked_at' | 'source_changed_at' | 'data_changed_at';
type EntryJson = Omit<EntryRow, Clock | 'metadata_changed_at'> &
  Record<Clock, string | null> & { metadata_changed_at: string };

const date = (text: string | null): Date | null => (text === null ? null : new Date(text));

const fromJson = (item: EntryJson): EntryRow => ({
  ...item,
  checked_at: date(item.checked_at),
  source_changed_at: date(item.source_changed_at),
  data_changed_at: date(item.data_changed_at),
  metadata_changed_at: new Date(item.metadata_changed_at),
});

export async function findDataset({ query }: Database, name: string, now: Date): Promise<DatasetDetail | undefined> {
  const [row] = await query<EntryRow & { holds: DatasetDetail['holds'] | null }>(
    'dataset_get',
    `WITH page AS (SELECT d.*, ${STATES} FROM dataset_entry d WHERE d.name = $2),
       details AS (${DETAILS})
     SELECT details.*, v.table_schema,
       (SELECT jsonb_agg(jsonb_build_object('sync', h.id, 'reason', h.reason) ORDER BY h.number) FROM sync h JOIN connector c
         ON c.id = h.connector_id WHERE c.dataset_id = details.id AND h.state = 'held') AS holds
     FROM details LEFT JOIN version v ON v.dataset_id = details.id AND v.number = details.version`,
    [now, name],
  );
  return row && { ...toEntry(row, now), spec: row.spec, schema: row.table_schema, holds: row.holds ?? [] };
}

export async function summarize({ query }: Database, now: Date): Promise<Summary> {
  const [row] = await query<{ summary: Summary }>(
    'summary',
    `WITH entry AS MATERIALIZED (SELECT d.version, d.rows, d.bytes, ${STATES} FROM dataset_entry d),
     counted AS (SELECT freshness, count(*) AS n FROM entry GROUP BY freshness),
     looked AS (SELECT in_sync, count(*) AS n FROM entry GROUP BY in_sync)
     SELECT jsonb_build_object(
       'departments', (SELECT count(*) FROM department), 'domains', (SELECT count(*) FROM domain),
       'datasets', (SELECT count(*) FROM entry), 'published', (SELECT count(version) FROM entry),
       'versions', (SELECT count(*) FROM version), 'records', (SELECT coalesce(sum(rows), 0) FROM entry),
       'bytes', (SELECT coalesce(sum(bytes), 0) FROM entry),
       'freshness', (SELECT jsonb_object_agg(state, coalesce(n, 0)) FROM
         unnest($2::text[]) state LEFT JOIN counted ON freshness = state),
       'inSync', (SELECT jsonb_object_agg(state, coalesce(n, 0)) FROM
         unnest($3::text[]) state LEFT JOIN looked ON in_sync = state),
       'holds', (SELECT count(*) FROM sync WHERE state = 'held'),
       'quarantined', (SELECT coalesce(sum(j.count), 0) FROM dataset d JOIN LATERAL (SELECT s.id FROM sync s
           WHERE s.dataset_id = d.id AND s.landing_key IS NOT NULL AND s.purpose NOT IN ('replay', 'rollback') AND s.state NOT IN ('landed', 'refreshing')
           ORDER BY s.queued_at DESC LIMIT 1) latest ON true JOIN rejected_summary j ON j.sync_id = latest.id),
       'syncs', jsonb_build_object(
         'running', (SELECT count(*) FROM sync WHERE state IN ('queued', 'reading', 'delivered', 'landed', 'refreshing')),
         'failed24h', (SELECT count(*) FROM sync WHERE state = 'failed' AND ended_at > $1 - interval '1 day'))) AS summary`,
    [now, FRESHNESS_STATES, IN_SYNC_STATES],
  );
  if (!row) throw new Error('a summary is always one row');
  return row.summary;
}
