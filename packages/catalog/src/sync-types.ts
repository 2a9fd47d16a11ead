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
  /** How often it was given to a reader, from 1. What a reader sends of an earlier attempt is dropped. */
  attempt: number;
  state: SyncState;
  purpose: SyncPurpose;
  full: boolean;
  /** The next version has the rows of this read alone; none of the current version are kept. */
  reset: boolean;
  /** Of a backfill: only rows whose cursor value lies in it are read. */
  range: SyncRange | null;
  /** Of a rollback: the version whose rows are published again. */
  rollbackTo: number | null;
  rows: number;
  rejected: number;
  bytes: number;
  reason: Reason | null;
  owner: string | null;
  /** The last failure of a sync that will be tried again; null once it has ended. */
  trouble: SyncTrouble | null;
  queuedAt: Date;
  startedAt: Date | null;
  /** When its source last sent something; told from the first renewal of the lease on. */
  activeAt: Date | null;
  readAt: Date | null;
  /** When it came to its end. */
  endedAt: Date | null;
  /** What landed of it; of a rollback, the manifest of the version that it goes back to. */
  landing: { key: string; attempt: number; at: Date } | null;
  /** Number of the version that it published, or that it found to be the same as what it read. */
  version: number | null;
  /** How many seconds each step of its refresh took, by the name of the step. */
  stages: Record<string, number> | null;
  traceparent: string;
}

/**
 * `read`: what a schedule, a push or "run now" asks for; it advances the connector's cursor, and the times from which freshness is told.
 * `backfill` reads a range of cursor values again, `replay` rejected rows of an earlier sync, `rules` what landed last by rules that were
 * changed since, `rollback` an earlier version; they advance neither.
 */
export type SyncPurpose = 'read' | 'backfill' | 'replay' | 'rules' | 'rollback';

export interface SyncTrouble {
  reason: Reason;
  /** Tries so far. */
  tries: number;
  at: string;
}

/** A sync that is asked for. `reset` is only allowed together with `full`, and `range` with neither of them. */
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
   * Makes one sync for each slot, queued. A slot that has a sync already keeps it, and that sync is returned in its place. One statement for
   * any number. Each sync with `full`, `reset` or `range` also gets an audit row.
   */
  enqueue(slots: SyncClaim[]): Promise<SyncRecord[]>;
  /**
   * Gives up to `limit` queued syncs to `owner`: first those of the departments with the fewest syncs being read, then the oldest; never two
   * syncs of one connector at once. The first `now` of them count as begun; the others do once a renewal says so. All must be renewed
   * within `leaseSeconds`.
   */
  take(owner: string, limit: number, now: number, leaseSeconds: number): Promise<SyncRecord[]>;
  /** Renews leases for another `leaseSeconds` and stores how far each read has come. Returns the ids that `owner` still holds. */
  renew(owner: string, reads: ReadProgress[], leaseSeconds: number): Promise<string[]>;
  /** Puts syncs that `owner` holds back into the queue, for a replica that stops; this does not count as a crash. */
  giveBack(owner: string, ids: string[]): Promise<void>;
  /**
   * Stores the results of reads that `owner` holds. Returns their ids, and those of syncs that landed before their result was stored; a sync
   * whose lease another replica took over is not changed and not returned. `unchanged` also stores when the source was checked; where a version
   * was published while it was read, the sync is queued again instead, and not returned.
   */
  finish(owner: string, results: SyncResult[]): Promise<string[]>;
  /**
   * Fails a sync that is queued or being read with `sync.cancelled`, and writes an audit row in the same transaction; `actor` is the party
   * that can act next. The replica that reads it finds at its next renewal that it does not hold it. Undefined, and nothing changed,
   * when the sync is in any other state.
   */
  cancel(id: string, decision: { reason: string; by: string; actor: Actor }): Promise<SyncRecord | undefined>;
  /**
   * Puts syncs whose lease has expired back into the queue, as the next attempt. A sync whose reading process has ended without a word
   * `mostCrashes` times fails with `sync.abandoned`.
   */
  recoverExpired(mostCrashes: number): Promise<Recovered>;
  /**
   * Puts delivered syncs back into the queue that did not land: within `seconds` although a later read of their connector did, or within
   * `limitSeconds` whatever others did. The third time a sync fails with `landing.missing` instead (I7).
   */
  recoverDelivered(seconds: number, limitSeconds: number): Promise<Recovered>;
  /** Puts every sync that was delivered `seconds` ago and did not land back into the queue, because somebody knows that it is lost; their ids. */
  rereadDelivered(seconds: number): Promise<string[]>;
  /**
   * Up to `limit` landed syncs that no refresh worker has touched for `seconds`. They count as touched now, so that no other replica gets
   * them too; the caller signals their lanes.
   */
  recoverLanded(seconds: number, limit: number): Promise<LaneReference[]>;
  /**
   * Called by landing: stores what landed of a sync, or why it did not (then it is queued again, and fails the third time). `dispatch` says
   * whether its lane is to be signalled. Throws `sync.unknown`.
   */
  land(sync: string, landed: LandedFacts): Promise<{ state: SyncState; dispatch: boolean }>;
  /** Called by landing: notes what keeps the claim of a sync from landing while it is tried again. Nothing for one that is over or unknown. */
  landingTrouble(sync: string, told: { claim: number; traceparent: string; reason: Reason }): Promise<void>;
  /** How far the syncs of one "run now" have come; `total` is 0 for a request that is not known. */
  progress(request: string): Promise<SyncProgress>;
  get(id: string): Promise<SyncWithRefresh | undefined>;
  list(filter: {
    connector?: string | undefined;
    department?: string | undefined;
    state?: SyncState | undefined;
    /** Only syncs that have landed, and whose refresh is in this state. */
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
 * `attempt`: as in the envelopes of its messages, which count each try. `claim`: the attempt of the sync (`SyncRecord`) that this try belongs
 * to. `traceparent` tells syncs of one slot apart, of which a catalog that was restored knows the later only.
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
