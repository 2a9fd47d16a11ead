import type { Cursor, LaneReference, SyncProgress, SyncRange } from '@songhua/contracts';
import type { Actor, Reason, RefreshState, SyncState } from '@songhua/domain';
import type { ConnectorRecord } from './types.js';

export interface SyncRecord {
  id: string;
  connector: string;
  dataset: string;
  datasetId: string;
  department: string;
  /** Schedule slot (ISO instant) or `request:<id>`. Unique with the connector. */
  slot: string;
  /** Order of the syncs of one connector, from 1. */
  number: number;
  /** Counts the times that it was given to a reader; what an earlier one sends no longer counts. */
  attempt: number;
  state: SyncState;
  /** A read moves cursor and clocks; a backfill, or a replay of rejected rows, moves neither. */
  purpose: SyncPurpose;
  full: boolean;
  /** Nothing of the version before stays. */
  reset: boolean;
  /** A backfill: only rows whose cursor value lies in it are read, and the cursor stays. */
  range: SyncRange | null;
  rows: number;
  rejected: number;
  bytes: number;
  reason: Reason | null;
  owner: string | null;
  /** Why it is tried again, while it is. */
  trouble: SyncTrouble | null;
  queuedAt: Date;
  startedAt: Date | null;
  /** When its source last sent something, of one that is read for long. */
  activeAt: Date | null;
  readAt: Date | null;
  /** When it came to its end. */
  endedAt: Date | null;
  /** What landed of it. */
  landing: { key: string; attempt: number; at: Date } | null;
  /** Of the version that it became, or was found the same as. */
  version: number | null;
  /** Seconds by step of its refresh. */
  stages: Record<string, number> | null;
  traceparent: string;
}

export type SyncPurpose = 'read' | 'backfill' | 'replay';

export interface SyncTrouble {
  reason: Reason;
  /** Tries so far. */
  tries: number;
  at: string;
}

/** What is to be read, and for whom. `reset` goes with `full`; `range` with neither. */
export interface SyncClaim {
  connector: ConnectorRecord;
  slot: string;
  full: boolean;
  reset?: boolean;
  range?: SyncRange;
  /** Who asks, as audit rows name them; the connector service itself when absent. */
  by?: string;
  traceparent: string;
}

/** Written by the connector service only. */
export interface SyncRepository {
  /**
   * Claims slots; slots that exist already are left alone and returned as they are (same ids). One statement for any number. What is asked
   * beyond the cursor (`full`, `reset`, `range`) has an audit row.
   */
  enqueue(slots: SyncClaim[]): Promise<SyncRecord[]>;
  /**
   * Takes up to `limit` queued syncs for `owner`: fair between departments (fewest running first, then oldest), never two of one connector
   * at once. The owner begins the first `now` of them at once. The lease ends after `leaseSeconds` unless renewed.
   */
  take(owner: string, limit: number, now: number, leaseSeconds: number): Promise<SyncRecord[]>;
  /** Prolongs leases, with how far their reads came; returns the ids that `owner` still holds. */
  renew(owner: string, reads: ReadProgress[], leaseSeconds: number): Promise<string[]>;
  /** Puts syncs that `owner` holds back into the queue; nothing is held against them. */
  giveBack(owner: string, ids: string[]): Promise<void>;
  /**
   * Ends reads that `owner` holds, and returns them; one whose lease was lost is left alone and not returned, one that landed meanwhile is.
   * `unchanged` also advances the connector's checked clock.
   */
  finish(owner: string, results: SyncResult[]): Promise<string[]>;
  /**
   * Ends a sync that is queued or read with `sync.cancelled`, beside its audit row; `actor` is whose turn it then is. Who reads it loses it at
   * the next renewal. Undefined when it is neither.
   */
  cancel(id: string, decision: { reason: string; by: string; actor: Actor }): Promise<SyncRecord | undefined>;
  /** Puts syncs with an expired lease back in the queue (attempt + 1), or fails those that `mostCrashes` processes ended with, with `sync.abandoned`. */
  recoverExpired(mostCrashes: number): Promise<Recovered>;
  /**
   * Reads syncs again that were delivered and did not land within `seconds` although later ones did, or within `limitSeconds` at all; the
   * third time they fail with `landing.missing` (I7).
   */
  recoverDelivered(seconds: number, limitSeconds: number): Promise<Recovered>;
  /** Up to `limit` landed syncs that no lane has worked on for `seconds`, marked as handed over now; the caller hands them over. */
  recoverLanded(seconds: number, limit: number): Promise<LaneReference[]>;
  /** Written by landing: what landed of a sync, or why it did not. Throws `sync.unknown`. */
  land(sync: string, landed: LandedFacts): Promise<{ state: SyncState; dispatch: boolean }>;
  /** How far the syncs of one "run now" have come; `total` is 0 for a request that is not known. */
  progress(request: string): Promise<SyncProgress>;
  get(id: string): Promise<SyncWithRefresh | undefined>;
  list(filter: {
    connector?: string | undefined;
    department?: string | undefined;
    state?: SyncState | undefined;
    /** Narrower: what landed and is in this state of its refresh. */
    refresh?: RefreshState | undefined;
    ids?: string[];
    request?: string | undefined;
    limit: number;
    offset: number;
  }): Promise<SyncWithRefresh[]>;
}

export interface ReadProgress {
  id: string;
  /** Its source has been asked. */
  begun: boolean;
  rows: number;
  bytes: number;
  activeAt?: string;
  trouble?: SyncTrouble | undefined;
}

export interface Recovered {
  requeued: string[];
  failed: string[];
}

/**
 * `attempt` on the wire; `claim`: the attempt of the sync that it belongs to. `traceparent` tells syncs of one slot apart, of which a catalog
 * that was restored knows the later only.
 */
export type LandedFacts = { attempt: number; claim: number; traceparent?: string } & (
  | { manifest: string; rows: number; rejected: number; bytes: number; content: string }
  | { problem: Reason }
);

export interface SyncResult {
  id: string;
  attempt: number;
  state: 'delivered' | 'unchanged' | 'failed';
  rows: number;
  rejected: number;
  bytes: number;
  reason?: Reason;
  /** For `unchanged`: refreshed validators, so that the next check is cheap too. Never a new position in the data. */
  validators?: Cursor;
}

export interface SyncWithRefresh extends SyncRecord {
  refresh: {
    state: RefreshState;
    version: number | null;
    reason: Reason | null;
    startedAt: Date;
    endedAt: Date | null;
  } | null;
}
