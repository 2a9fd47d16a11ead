import type { SyncRange } from '@songhua/contracts';
import { type Reason, refreshStateOf, type SyncState } from '@songhua/domain';
import type { SyncPurpose, SyncRecord, SyncTrouble, SyncWithRefresh } from './sync-types.js';

/** A sync as `sync_json` of the database gives it. */
export interface SyncRow {
  id: string;
  connector: string;
  dataset: string;
  dataset_id: string;
  department: string;
  slot: string;
  number: number;
  attempt: number;
  state: SyncState;
  purpose: SyncPurpose;
  full: boolean;
  reset: boolean;
  range: SyncRange | null;
  rollback_to: number | null;
  rows: number;
  rejected: number;
  bytes: number;
  reason: Reason | null;
  trouble: SyncTrouble | null;
  owner: string | null;
  queued_at: string;
  started_at: string | null;
  active_at: string | null;
  read_at: string | null;
  landing_key: string | null;
  landing_attempt: number | null;
  landed_at: string | null;
  refresh_started_at: string | null;
  version: number | null;
  stages: Record<string, number> | null;
  ended_at: string | null;
  traceparent: string;
}

const date = (text: string | null): Date | null => (text === null ? null : new Date(text));

export function toSync(row: SyncRow): SyncRecord {
  return {
    id: row.id,
    connector: row.connector,
    dataset: row.dataset,
    datasetId: row.dataset_id,
    department: row.department,
    slot: row.slot,
    number: row.number,
    attempt: row.attempt,
    state: row.state,
    purpose: row.purpose,
    full: row.full,
    reset: row.reset,
    range: row.range,
    rollbackTo: row.rollback_to,
    rows: row.rows,
    rejected: row.rejected,
    bytes: row.bytes,
    reason: row.reason,
    trouble: row.trouble && { ...row.trouble, at: new Date(row.trouble.at).toISOString() },
    owner: row.owner,
    queuedAt: new Date(row.queued_at),
    startedAt: date(row.started_at),
    activeAt: date(row.active_at),
    readAt: date(row.read_at),
    endedAt: date(row.ended_at),
    landing:
      row.landing_key === null || row.landing_attempt === null
        ? null
        : { key: row.landing_key, attempt: row.landing_attempt, at: new Date(row.landed_at ?? row.queued_at) },
    version: row.version,
    stages: row.stages,
    traceparent: row.traceparent,
  };
}

/** With the part of it that is about refreshing, once it has landed. */
export function toSyncWithRefresh(row: SyncRow): SyncWithRefresh {
  const sync = toSync(row);
  return {
    ...sync,
    refresh: sync.landing && {
      state: refreshStateOf(sync.state),
      version: sync.version,
      reason: sync.reason,
      startedAt: new Date(row.refresh_started_at ?? sync.landing.at),
      endedAt: sync.endedAt,
    },
  };
}
