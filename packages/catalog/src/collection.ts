import { type Collection, type CollectionReport, collectionReportSchema } from '@songhua/contracts';
import type { Reason } from '@songhua/domain';
import type { CollectionRepository, ExpiredVersion, KeptVersion, SyncNeeds } from './collection-types.js';
import type { Database } from './database.js';

/** Nothing seen and nothing done. */
export const blankReport = (): CollectionReport => ({
  removed: {},
  kept: {},
  reasons: {},
  trimmed: { versions: 0, syncs: 0, rejected: 0, outbox: 0, audit: 0 },
  unknown: { objects: 0, bytes: 0, keys: [] },
  items: [],
  problems: [],
});

interface CollectionRow {
  id: number;
  dry_run: boolean;
  by: string;
  started_at: Date;
  ended_at: Date | null;
  stage: string;
  report: unknown;
  problem: Reason | null;
}

const toCollection = (row: CollectionRow): Collection => ({
  id: row.id,
  dryRun: row.dry_run,
  by: row.by,
  startedAt: row.started_at,
  endedAt: row.ended_at,
  state: row.ended_at === null ? 'running' : row.problem === null ? 'done' : 'failed',
  stage: row.stage,
  report: collectionReportSchema.parse(row.report),
  problem: row.problem && { code: row.problem.code, message: row.problem.message },
});

export function createCollectionRepository({ query }: Database): CollectionRepository {
  const column = async (name: string, text: string, values: unknown[]): Promise<Set<string>> =>
    new Set((await query<{ key: string }>(name, text, values)).map(({ key }) => key));
  const count = async (name: string, text: string, values: unknown[]): Promise<number> =>
    (await query<{ n: number }>(name, text, values))[0]?.n ?? 0;

  return {
    async syncNeeds(ids, kept) {
      const rows = await query<SyncNeeds & { id: string }>(
        'gc_sync_needs',
        `SELECT id, open, claim, landing_attempt AS "landingAttempt", landed_at AS "landedAt", removed, need FROM sync_needs($1::text[], $2)`,
        [ids, kept],
      );
      return new Map(rows.map(({ id, ...needs }) => [id, needs]));
    },

    releaseLandings: (ids, { before, kept }) =>
      column('gc_landing_release', 'SELECT landing_release($1::text[], $2, $3) AS key', [ids, before, kept]),

    versions: (of) =>
      query<KeptVersion>(
        'gc_versions',
        `SELECT v.dataset_id AS "datasetId", v.number, t.at AS "removedAt",
           ARRAY(SELECT f ->> 'key' FROM jsonb_array_elements(v.files) f) AS files
         FROM unnest($1::text[], $2::integer[]) asked (dataset_id, number) JOIN version v USING (dataset_id, number)
         LEFT JOIN version_tombstone t USING (dataset_id, number)`,
        [of.map(({ datasetId }) => datasetId), of.map(({ number }) => number)],
      ),

    renders: (keys) =>
      column(
        'gc_renders',
        `SELECT r.key FROM render r WHERE r.key = ANY ($1) AND NOT EXISTS (
           SELECT 1 FROM version_tombstone t WHERE t.dataset_id = r.dataset_id AND t.number = r.number)`,
        [keys],
      ),

    async pushes(keys, since) {
      const [known, needed] = await Promise.all([
        column('gc_pushes', 'SELECT object_key AS key FROM ingest WHERE object_key = ANY ($1)', [keys]),
        column('gc_pushes_needed', 'SELECT pushes_needed($1::text[], $2) AS key', [keys, since]),
      ]);
      return { known, needed };
    },

    quarantined: (keys, syncs) =>
      column(
        'gc_quarantined',
        `SELECT key FROM rejected_summary WHERE sync_id = ANY ($2) AND key = ANY ($1)
         UNION ALL SELECT key FROM quarantine_replay WHERE replay_of = ANY ($2) AND key = ANY ($1)`,
        [keys, syncs],
      ),

    expiredVersions: (now, limit) =>
      query<ExpiredVersion>(
        'gc_versions_expired',
        'SELECT dataset, number, bytes, policy FROM versions_expired($1, $2)',
        [now, limit],
      ),

    expireVersions: (now, limit, by) =>
      query<ExpiredVersion>(
        'gc_versions_expire',
        'SELECT dataset, number, bytes, policy FROM versions_expire($1, $2, $3)',
        [now, limit, by],
      ),

    async trimSyncs({ before, kept }, after, limit, dryRun) {
      const values = [before, kept, after?.endedAt ?? '-infinity', after?.id ?? '', limit];
      const [row] = await query<{ removed: number; looked: number; endedAt: string | null; id: string | null }>(
        dryRun ? 'gc_syncs_expired' : 'gc_syncs_trim',
        dryRun
          ? `SELECT count(*) FILTER (WHERE expired) AS removed, count(*) AS looked, max(ended_at)::text AS "endedAt",
               (array_agg(id ORDER BY ended_at DESC, id DESC))[1] AS id
             FROM syncs_expired($1, $2, $3, $4, $5)`
          : `SELECT removed, looked, last_end::text AS "endedAt", last_id AS id FROM syncs_trim($1, $2, $3, $4, $5)`,
        values,
      );
      const { removed = 0, looked = 0, endedAt = null, id = null } = row ?? {};
      return { removed, looked, last: endedAt !== null && id !== null ? { endedAt, id } : null };
    },

    trimRejected: (before, limit) => count('gc_rejected_trim', 'SELECT rejected_trim($1, $2) AS n', [before, limit]),

    countRejected: (before) =>
      count('gc_rejected_expired', 'SELECT count(*) AS n FROM rejected_expired($1, NULL)', [before]),

    trimOutbox: (before, limit) => count('gc_outbox_trim', 'SELECT outbox_trim($1, $2) AS n', [before, limit]),

    async countOutbox(before, after, limit) {
      const [row] = await query<{ count: number; last: number | null }>(
        'gc_outbox_expired',
        'SELECT events AS count, upto AS last FROM outbox_expired($1, $2, $3)',
        [before, after, limit],
      );
      return row ?? { count: 0, last: null };
    },

    async isAuditHead({ sequence, hash }, before) {
      const rows = await query(
        'gc_audit_head',
        `SELECT 1 FROM audit WHERE sequence = $1 AND hash = decode($2, 'hex') AND at < $3`,
        [sequence, hash, before],
      );
      return rows.length > 0;
    },

    async cutAudit({ sequence, hash }, by) {
      const [row] = await query<{ cut: boolean }>(
        'gc_audit_cut',
        `SELECT audit_cut($1, decode($2, 'hex'), $3) AS cut`,
        [sequence, hash, by],
      );
      return row?.cut === true;
    },

    trimAudit: (limit) => count('gc_audit_trim', 'SELECT audit_trim($1) AS n', [limit]),

    countAudit: (sequence) =>
      count('gc_audit_count', 'SELECT count(*) AS n FROM audit WHERE sequence <= $1', [sequence]),

    async begin({ dryRun, by, leaseSeconds, everySeconds }) {
      const [row] = await query<{ id: number | null }>(
        'gc_begin',
        'SELECT collection_begin($1, $2, $3, $4, $5::jsonb) AS id',
        [dryRun, by, leaseSeconds, everySeconds, JSON.stringify(blankReport())],
      );
      return row?.id ?? undefined;
    },

    async renew(id, leaseSeconds, { stage, report }) {
      const rows = await query(
        'gc_renew',
        `UPDATE collection SET lease_until = clock_timestamp() + make_interval(secs => $2), stage = $3, report = $4::jsonb
         WHERE id = $1 AND ended_at IS NULL RETURNING id`,
        [id, leaseSeconds, stage, JSON.stringify(report)],
      );
      return rows.length > 0;
    },

    async end(id, report, problem) {
      await query(
        'gc_end',
        `UPDATE collection SET ended_at = clock_timestamp(), stage = '', report = $2::jsonb, problem = $3::jsonb
         WHERE id = $1 AND ended_at IS NULL`,
        [id, JSON.stringify(report), problem && JSON.stringify(problem)],
      );
    },

    async get(id) {
      const [row] = await query<CollectionRow>('gc_get', 'SELECT * FROM collection WHERE id = $1', [id]);
      return row && toCollection(row);
    },

    list: async (limit) =>
      (await query<CollectionRow>('gc_list', 'SELECT * FROM collection ORDER BY id DESC LIMIT $1', [limit])).map(
        toCollection,
      ),
  };
}
