import type { Actor, Reason } from '@songhua/domain';
import type { Database } from './database.js';
import type { ConnectorHealth, DueRetry, HealthRepository, NoticeRepository } from './operate-types.js';

// Longer than any run of failures that a rule looks at.
const ENDS = 50;

// A replay, changed rules, a hold, what was superseded and what somebody cancelled say nothing of the source.
const AILING = `WITH failing AS (
    SELECT connector_id FROM sync WHERE state = 'failed' AND ended_at > clock_timestamp() - make_interval(secs => $1)
    UNION SELECT connector_id FROM connector_health WHERE failures > 0
  )
  SELECT c.id, c.name::text AS name, x.number, x.ends
  FROM failing f JOIN connector c ON c.id = f.connector_id AND c.deleted_at IS NULL AND c.halt IS NULL
    LEFT JOIN connector_health h ON h.connector_id = c.id
    JOIN LATERAL (
      SELECT max(number) AS number, jsonb_agg(jsonb_build_object('at', at, 'reason', reason) ORDER BY number DESC) AS ends FROM (
        SELECT s.number, s.ended_at AS at, CASE s.state WHEN 'failed' THEN s.reason END AS reason
        FROM sync s
        WHERE s.connector_id = c.id AND s.number > coalesce(h.forgiven, 0) AND s.state IN ('published', 'unchanged', 'failed')
          AND s.purpose NOT IN ('replay', 'rules', 'rollback') AND coalesce(s.reason ->> 'code', '') NOT IN ('hold.rejected', 'sync.cancelled')
        ORDER BY s.number DESC LIMIT ${ENDS}
      ) e
    ) x ON x.number IS NOT NULL`;

const RECORD = `INSERT INTO connector_health AS h (connector_id, failures, failing_since, reason, last_number, next_attempt_at, rate_limited)
  VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7)
  ON CONFLICT (connector_id) DO UPDATE SET failures = excluded.failures, failing_since = excluded.failing_since,
    reason = excluded.reason, last_number = excluded.last_number, next_attempt_at = excluded.next_attempt_at,
    rate_limited = excluded.rate_limited,
    skipped = CASE WHEN excluded.failures = 0 THEN 0 ELSE h.skipped END,
    skipped_slot = CASE WHEN excluded.failures = 0 THEN NULL ELSE h.skipped_slot END
  WHERE excluded.last_number > h.forgiven AND (h.failures, h.last_number, h.next_attempt_at)
    IS DISTINCT FROM (excluded.failures, excluded.last_number, excluded.next_attempt_at)`;

const SKIP = `WITH asked AS (
    SELECT e ->> 'connectorId' AS id, e ->> 'slot' AS slot FROM jsonb_array_elements($1::jsonb) e
  ), waiting AS (
    SELECT a.id, a.slot FROM asked a JOIN connector_health h ON h.connector_id = a.id WHERE h.next_attempt_at > clock_timestamp()
  ), noted AS (
    UPDATE connector_health h SET skipped = skipped + 1, skipped_slot = w.slot FROM waiting w
    WHERE h.connector_id = w.id AND (h.skipped_slot IS NULL OR h.skipped_slot < w.slot)
  )
  SELECT id FROM waiting`;

// Without a schedule, what was pushed and is still to be read is the reason to try again.
const DUE = `SELECT c.name::text AS name, h.last_number AS number, s.full_read AS full, s.reset, s.read_range AS range
  FROM connector_health h JOIN connector c ON c.id = h.connector_id
    JOIN sync s ON s.connector_id = c.id AND s.number = h.last_number
  WHERE h.next_attempt_at <= clock_timestamp() AND c.deleted_at IS NULL AND c.halt IS NULL AND c.approved_revision IS NOT NULL
    -- In their order, so that the next ones are looked at and not all.
    AND (SELECT true FROM sync o WHERE o.connector_id = c.id AND o.number > h.last_number AND (o.slot = 'retry:' || h.last_number
      OR (o.purpose = 'read' AND coalesce(o.reason ->> 'code', '') <> 'sync.cancelled')) ORDER BY o.number LIMIT 1) IS NULL
    AND (c.spec -> 'schedule' IS NOT NULL OR (c.kind = 'push' AND EXISTS (SELECT 1 FROM ingest i JOIN sync p ON p.id = i.sync_id
        LEFT JOIN connector_cursor k ON k.connector_id = i.connector_id
      WHERE i.connector_id = c.id AND p.number > push_position(k.cursor) AND i.standing IS DISTINCT FROM 'refused')))`;

interface HealthRow {
  id: string;
  failures: number;
  failing_since: Date;
  reason: Reason;
  next_attempt_at: Date | null;
  rate_limited: boolean;
  skipped: number;
  skipped_slot: string | null;
}

const toHealth = (row: HealthRow): ConnectorHealth => ({
  failures: row.failures,
  failingSince: row.failing_since,
  reason: row.reason,
  nextAttemptAt: row.next_attempt_at,
  rateLimited: row.rate_limited,
  skipped: row.skipped,
  skippedSlot: row.skipped_slot,
});

export function createHealthRepository({ query }: Database): HealthRepository {
  return {
    async ailing(seconds) {
      const rows = await query<{
        id: string;
        name: string;
        number: number;
        ends: { at: string; reason: Reason | null }[];
      }>('health_ailing', AILING, [seconds]);
      return rows.map((row) => ({ ...row, ends: row.ends.map(({ at, reason }) => ({ at: new Date(at), reason })) }));
    },

    async record({ id, number }, health) {
      await query('health_record', RECORD, [
        id,
        health?.failures ?? 0,
        health?.failingSince ?? null,
        health ? JSON.stringify(health.reason) : null,
        number,
        health?.nextAttemptAt ?? null,
        health?.rateLimited ?? false,
      ]);
    },

    async skip(slots) {
      const rows = await query<{ id: string }>('health_skip', SKIP, [JSON.stringify(slots)]);
      return new Set(rows.map((row) => row.id));
    },

    due: () => query<DueRetry>('health_due', DUE),

    async of(connectorIds) {
      const rows = await query<HealthRow>(
        'health_of',
        `SELECT connector_id AS id, failures, failing_since, reason, next_attempt_at, rate_limited, skipped, skipped_slot
         FROM connector_health WHERE failures > 0 AND connector_id = ANY ($1::text[])`,
        [connectorIds],
      );
      return new Map(rows.map((row) => [row.id, toHealth(row)]));
    },
  };
}

export function createNoticeRepository(database: Database): NoticeRepository {
  return {
    async list({ department, limit }) {
      const prisma = await database.prisma();
      const rows = await prisma.notice.findMany({
        where: department === undefined ? {} : { department },
        orderBy: { position: 'desc' },
        take: limit,
      });
      return rows.map((row) => ({ ...row, position: Number(row.position), actor: row.actor as Actor }));
    },
  };
}
