import type { SyncRange } from '@songhua/contracts';
import type { Reason, RefreshState, SyncState } from '@songhua/domain';
import type { SyncRecord, SyncWithRefresh } from './types.js';

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
  full: boolean;
  reset: boolean;
  range: SyncRange | null;
  rows: number;
  rejected: number;
  bytes: number;
  reason: Reason | null;
  owner: string | null;
  queued_at: string;
  started_at: string | null;
  ended_at: string | null;
  traceparent: string;
}

export interface RefreshRow {
  state: RefreshState;
  version: number | null;
  reason: Reason | null;
  started_at: string;
  ended_at: string | null;
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
    full: row.full,
    reset: row.reset,
    range: row.range,
    rows: row.rows,
    rejected: row.rejected,
    bytes: row.bytes,
    reason: row.reason,
    owner: row.owner,
    queuedAt: new Date(row.queued_at),
    startedAt: date(row.started_at),
    endedAt: date(row.ended_at),
    traceparent: row.traceparent,
  };
}

export function toSyncWithRefresh(sync: SyncRow, refresh: RefreshRow | null): SyncWithRefresh {
  return {
    ...toSync(sync),
    refresh: refresh && {
      state: refresh.state,
      version: refresh.version,
      reason: refresh.reason,
      startedAt: new Date(refresh.started_at),
      endedAt: date(refresh.ended_at),
    },
  };
}
