import type { DatasetSpec, Summary } from '@songhua/contracts';
import { type Freshness, type Reason, refreshStateOf, type SyncState, type TableSchema } from '@songhua/domain';
import type { Database } from './database.js';
import type { DatasetEntry, DatasetQuery } from './types.js';

interface EntryRow {
  name: string;
  title: string;
  department: string;
  domain: string;
  frequency: string;
  rows: number;
  bytes: number;
  version: number | null;
  versions: number;
  checked_at: Date | null;
  source_changed_at: Date | null;
  data_changed_at: Date | null;
  metadata_changed_at: Date;
  freshness: Freshness;
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

const FRESHNESS = 'freshness(frequency, retired, checked_at, data_changed_at, $1)';

const ORDER_BY: Record<DatasetQuery['sort'], string> = {
  name: 'name',
  rows: 'rows DESC, name',
  changed: 'data_changed_at DESC NULLS LAST, name',
  // Worst first: what an operator looks for.
  freshness: `array_position(ARRAY['delinquent', 'overdue', 'due', 'unknown', 'fresh', 'retired'], freshness), name`,
};

function toEntry(row: EntryRow): DatasetEntry {
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
    clocks: {
      checkedAt: row.checked_at,
      sourceChangedAt: row.source_changed_at,
      dataChangedAt: row.data_changed_at,
      metadataChangedAt: row.metadata_changed_at,
    },
    freshness: row.freshness,
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
       SELECT * FROM (SELECT d.*, ${FRESHNESS} AS freshness FROM dataset_entry d
         WHERE ($2::text IS NULL OR d.search LIKE $2) AND ($3::text IS NULL OR d.department = $3)
           AND ($4::text IS NULL OR d.domain = $4)) f
       WHERE $5::text IS NULL OR freshness = $5
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
    ],
  );
  return { total: result?.total ?? 0, items: (result?.items ?? []).map((item) => toEntry(fromJson(item))) };
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

export async function findDataset(
  { query }: Database,
  name: string,
  now: Date,
): Promise<(DatasetEntry & { spec: DatasetSpec; schema: TableSchema | null }) | undefined> {
  const [row] = await query<EntryRow>(
    'dataset_get',
    `WITH page AS (SELECT d.*, ${FRESHNESS} AS freshness FROM dataset_entry d WHERE d.name = $2),
       details AS (${DETAILS})
     SELECT details.*, v.table_schema FROM details LEFT JOIN version v ON v.dataset_id = details.id AND v.number = details.version`,
    [now, name],
  );
  return row && { ...toEntry(row), spec: row.spec, schema: row.table_schema };
}

export async function summarize({ query }: Database, now: Date): Promise<Summary> {
  const [row] = await query<{ summary: Summary }>(
    'summary',
    `WITH entry AS MATERIALIZED (SELECT d.version, d.rows, d.bytes, ${FRESHNESS} AS freshness FROM dataset_entry d),
     counted AS (SELECT freshness, count(*) AS n FROM entry GROUP BY freshness)
     SELECT jsonb_build_object(
       'departments', (SELECT count(*) FROM department), 'domains', (SELECT count(*) FROM domain),
       'datasets', (SELECT count(*) FROM entry), 'published', (SELECT count(version) FROM entry),
       'versions', (SELECT count(*) FROM version), 'records', (SELECT coalesce(sum(rows), 0) FROM entry),
       'bytes', (SELECT coalesce(sum(bytes), 0) FROM entry),
       'freshness', (SELECT jsonb_object_agg(state, coalesce(n, 0)) FROM
         unnest(ARRAY['fresh', 'due', 'overdue', 'delinquent', 'unknown', 'retired']) state LEFT JOIN counted ON freshness = state),
       'holds', (SELECT count(*) FROM sync WHERE state = 'held'),
       'quarantined', (SELECT coalesce(sum(j.count), 0) FROM dataset d JOIN LATERAL (SELECT s.id FROM sync s
           WHERE s.dataset_id = d.id AND s.landing_key IS NOT NULL AND s.purpose <> 'replay' AND s.state NOT IN ('landed', 'refreshing')
           ORDER BY s.queued_at DESC LIMIT 1) latest ON true JOIN rejected_summary j ON j.sync_id = latest.id),
       'syncs', jsonb_build_object(
         'running', (SELECT count(*) FROM sync WHERE state IN ('queued', 'reading'))
           + (SELECT count(*) FROM sync WHERE state IN ('delivered', 'landed', 'refreshing')),
         'failed24h', (SELECT count(*) FROM sync WHERE state = 'failed' AND ended_at > $1 - interval '1 day'))) AS summary`,
    [now],
  );
  if (!row) throw new Error('a summary is always one row');
  return row.summary;
}
