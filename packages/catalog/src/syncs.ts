import { syncProgressSchema } from '@songhua/contracts';
import type { Reason } from '@songhua/domain';
import { syncId } from '@songhua/domain';
import type { Database } from './database.js';
import { type RefreshRow, type SyncRow, toSync, toSyncWithRefresh } from './sync-row.js';
import type { SyncRepository } from './types.js';

const ABANDONED: Reason = {
  code: 'sync.abandoned',
  message:
    'every process that read this source stopped before it was done; look at their logs, then run the sync again',
  actor: 'platform',
  retryable: true,
};
const MISSING: Reason = {
  code: 'refresh.missing',
  message:
    'the source was read, but no refresh has told its outcome; check landing and refresh, then run the sync again',
  actor: 'platform',
  retryable: true,
};

const WITH_REFRESH = `SELECT sync_json(s) AS sync, CASE WHEN r.sync_id IS NOT NULL THEN to_jsonb(r) END AS refresh
  FROM sync s LEFT JOIN refresh r ON r.sync_id = s.id`;

interface JoinedRow {
  sync: SyncRow;
  refresh: RefreshRow | null;
}

export function createSyncRepository(database: Database): SyncRepository {
  const { query } = database;
  return {
    async enqueue(slots) {
      const asked = slots.map(({ connector, by = 'service:connector', ...claim }) => ({
        id: syncId(connector.name, claim.slot),
        connectorId: connector.id,
        by,
        ...claim,
      }));
      const rows = await query<{ s: SyncRow }>('sync_enqueue', 'SELECT sync_enqueue($1::jsonb) AS s', [
        JSON.stringify(asked),
      ]);
      return rows.map((row) => toSync(row.s));
    },

    async take(owner, limit, leaseSeconds) {
      const rows = await query<{ s: SyncRow }>('sync_take', 'SELECT sync_take($1, $2, $3) AS s', [
        owner,
        limit,
        leaseSeconds,
      ]);
      return rows.map((row) => toSync(row.s));
    },

    async renew(owner, ids, leaseSeconds) {
      const rows = await query<{ id: string }>(
        'sync_renew',
        `UPDATE sync SET lease_until = clock_timestamp() + make_interval(secs => $3)
         WHERE id = ANY ($2::text[]) AND owner = $1 AND state = 'reading' RETURNING id`,
        [owner, ids, leaseSeconds],
      );
      return rows.map((row) => row.id);
    },

    async finish(owner, results) {
      const rows = await query<{ id: string }>('sync_finish', 'SELECT sync_finish($1, $2::jsonb) AS id', [
        owner,
        JSON.stringify(results),
      ]);
      return rows.map((row) => row.id);
    },

    async recoverExpired(maxAttempts) {
      const rows = await query<{ id: string; state: string }>(
        'sync_recover',
        'SELECT id, state FROM sync_recover($1, $2::jsonb)',
        [maxAttempts, JSON.stringify(ABANDONED)],
      );
      const withState = (state: string): string[] => rows.filter((row) => row.state === state).map((row) => row.id);
      return { requeued: withState('queued'), failed: withState('failed') };
    },

    async failUnrefreshed(minutes) {
      const rows = await query<{ id: string }>(
        'sync_fail_unrefreshed',
        `UPDATE sync s SET state = 'failed', reason = $2::jsonb
         WHERE s.state = 'delivered' AND s.ended_at < clock_timestamp() - make_interval(mins => $1)
           AND NOT EXISTS (SELECT 1 FROM refresh r WHERE r.sync_id = s.id
             AND (r.state <> 'running' OR r.started_at >= clock_timestamp() - make_interval(mins => $1)))
         RETURNING s.id`,
        [minutes, JSON.stringify(MISSING)],
      );
      return rows.map((row) => row.id);
    },

    async progress(request) {
      const [row] = await query<{ progress: unknown }>('sync_progress', 'SELECT sync_progress($1) AS progress', [
        request,
      ]);
      return syncProgressSchema.parse(row?.progress);
    },

    async get(id) {
      const [row] = await query<JoinedRow>('sync_get', `${WITH_REFRESH} WHERE s.id = $1`, [id]);
      return row && toSyncWithRefresh(row.sync, row.refresh);
    },

    async list(filter) {
      const rows = await query<JoinedRow>(
        'sync_list',
        `${WITH_REFRESH}
         WHERE ($1::text IS NULL OR s.connector_id = (SELECT id FROM connector WHERE name = $1))
           AND ($2::text IS NULL OR s.department = $2) AND ($3::text IS NULL OR s.state = $3)
           AND ($4::text[] IS NULL OR s.id = ANY ($4)) AND ($5::text IS NULL OR s.slot = 'request:' || $5)
           AND ($6::text IS NULL OR r.state = $6)
         ORDER BY s.queued_at DESC, s.id LIMIT $7 OFFSET $8`,
        [
          filter.connector ?? null,
          filter.department ?? null,
          filter.state ?? null,
          filter.ids ?? null,
          filter.request ?? null,
          filter.refresh ?? null,
          filter.limit,
          filter.offset,
        ],
      );
      return rows.map((row) => toSyncWithRefresh(row.sync, row.refresh));
    },
  };
}
