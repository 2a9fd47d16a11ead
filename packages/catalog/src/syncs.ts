import { type LaneReference, syncProgressSchema } from '@songhua/contracts';
import { type Reason, type RefreshState, SonghuaError, type SyncState, syncId } from '@songhua/domain';
import type { Database } from './database.js';
import { type SyncRow, toSync, toSyncWithRefresh } from './sync-row.js';
import type { Recovered, SyncRepository } from './sync-types.js';

const ABANDONED: Reason = {
  code: 'sync.abandoned',
  message:
    'every process that read this source stopped before it was done; look at their logs, then run the sync again',
  actor: 'platform',
  retryable: true,
};
const MISSING: Reason = {
  code: 'landing.missing',
  message: 'the source was read, but what was read never landed; check Kafka and landing, then run the sync again',
  actor: 'platform',
  retryable: true,
};

const recovered = (rows: { id: string; state: string }[]): Recovered => {
  const withState = (state: string): string[] => rows.filter((row) => row.state === state).map((row) => row.id);
  return { requeued: withState('queued'), failed: withState('failed') };
};

// States of a sync by the state of its refresh that they stand for.
const STATES_OF: Record<RefreshState, SyncState[]> = {
  running: ['landed', 'refreshing'],
  published: ['published'],
  unchanged: ['unchanged'],
  superseded: ['superseded'],
  held: ['held'],
  failed: ['failed'],
};

export function createSyncRepository(database: Database): SyncRepository {
  const { query } = database;
  const recoverDeliveries = (seconds: number, limitSeconds: number, counted: boolean) =>
    query<{ id: string; state: string }>(
      'sync_recover_deliveries',
      'SELECT id, state FROM sync_recover_deliveries($1, $2, $3, $4::jsonb)',
      [seconds, limitSeconds, counted, JSON.stringify(MISSING)],
    );

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

    async take(owner, limit, now, leaseSeconds) {
      const rows = await query<{ s: SyncRow }>('sync_take', 'SELECT sync_take($1, $2, $3, $4) AS s', [
        owner,
        limit,
        now,
        leaseSeconds,
      ]);
      return rows.map((row) => toSync(row.s));
    },

    async renew(owner, reads, leaseSeconds) {
      const rows = await query<{ id: string }>('sync_renew', 'SELECT sync_renew($1, $2::jsonb, $3) AS id', [
        owner,
        JSON.stringify(reads),
        leaseSeconds,
      ]);
      return rows.map((row) => row.id);
    },

    async giveBack(owner, ids) {
      await query('sync_give_back', 'SELECT sync_give_back($1, $2::text[])', [owner, ids]);
    },

    async finish(owner, results) {
      const rows = await query<{ id: string }>('sync_finish', 'SELECT sync_finish($1, $2::jsonb) AS id', [
        owner,
        JSON.stringify(results),
      ]);
      return rows.map((row) => row.id);
    },

    async cancel(id, decision) {
      const [row] = await query<{ s: SyncRow | null }>('sync_cancel', 'SELECT sync_cancel($1, $2::jsonb) AS s', [
        id,
        JSON.stringify(decision),
      ]);
      return row?.s ? toSync(row.s) : undefined;
    },

    async recoverExpired(mostCrashes) {
      return recovered(
        await query('sync_recover', 'SELECT id, state FROM sync_recover($1, $2::jsonb)', [
          mostCrashes,
          JSON.stringify(ABANDONED),
        ]),
      );
    },

    async recoverDelivered(seconds, limitSeconds) {
      return recovered(await recoverDeliveries(seconds, limitSeconds, true));
    },

    async rereadDelivered(seconds) {
      return recovered(await recoverDeliveries(seconds, seconds, false)).requeued;
    },

    async recoverLanded(seconds, limit) {
      const rows = await query<{ reference: LaneReference }>(
        'sync_recover_lanes',
        'SELECT sync_recover_lanes($1, $2) AS reference',
        [seconds, limit],
      );
      return rows.map((row) => row.reference);
    },

    async land(sync, { claim, ...facts }) {
      const [row] = await query<{ landed: { state: SyncState; dispatch: boolean } }>(
        'sync_land',
        'SELECT sync_land($1, $2, $3::jsonb) AS landed',
        [sync, claim, JSON.stringify(facts)],
      );
      if (!row) throw new SonghuaError('catalog.query', 'the catalog did not answer; report this as a defect');
      return row.landed;
    },

    async landingTrouble(sync, { claim, traceparent, reason }) {
      await query('sync_landing_trouble', 'SELECT sync_landing_trouble($1, $2, $3, $4::jsonb)', [
        sync,
        claim,
        traceparent,
        JSON.stringify(reason),
      ]);
    },

    async progress(request) {
      const [row] = await query<{ progress: unknown }>('sync_progress', 'SELECT sync_progress($1) AS progress', [
        request,
      ]);
      return syncProgressSchema.parse(row?.progress);
    },

    async get(id) {
      const [row] = await query<{ s: SyncRow }>('sync_get', 'SELECT sync_json(s) AS s FROM sync s WHERE s.id = $1', [
        id,
      ]);
      return row && toSyncWithRefresh(row.s);
    },

    async list(filter) {
      const rows = await query<{ s: SyncRow }>(
        'sync_list',
        `SELECT sync_json(s) AS s FROM sync s
         WHERE ($1::text IS NULL OR s.connector_id = (SELECT id FROM connector WHERE name = $1))
           AND ($2::text IS NULL OR s.department = $2) AND ($3::text IS NULL OR s.state = $3)
           AND ($4::text[] IS NULL OR s.id = ANY ($4)) AND ($5::text IS NULL OR s.slot = 'request:' || $5)
           AND ($6::text[] IS NULL OR (s.state = ANY ($6) AND s.landing_key IS NOT NULL))
         ORDER BY s.queued_at DESC, s.id LIMIT $7 OFFSET $8`,
        [
          filter.connector ?? null,
          filter.department ?? null,
          filter.state ?? null,
          filter.ids ?? null,
          filter.request ?? null,
          filter.refresh ? STATES_OF[filter.refresh] : null,
          filter.limit,
          filter.offset,
        ],
      );
      return rows.map((row) => toSyncWithRefresh(row.s));
    },
  };
}
