import type { Cursor, LaneReference, SyncRange } from '@songhua/contracts';
import type { Actor, Reason, SyncEnd, SyncState } from '@songhua/domain';

/** A connector whose syncs have failed lately, with what its health is derived from. */
export interface Ailing {
  id: string;
  name: string;
  /** Number of its newest ended sync. */
  number: number;
  /** Ends of its syncs that count, newest first, at most 50. */
  ends: SyncEnd[];
}

/** What is kept of a connector that does not fare well. */
export interface ConnectorHealth {
  failures: number;
  failingSince: Date;
  reason: Reason;
  /** Until then no slot of its schedule starts it. */
  nextAttemptAt: Date | null;
  rateLimited: boolean;
  /** Slots that were passed over meanwhile, and the last of them. */
  skipped: number;
  skippedSlot: string | null;
}

/** A sync that failed and is to be tried again as what it was. */
export interface DueRetry {
  /** Of the connector. */
  name: string;
  number: number;
  full: boolean;
  reset: boolean;
  range: SyncRange | null;
}

/** Written by the connector service only. */
export interface HealthRepository {
  /** Connectors that are not halted, with a sync that ended in failure within `seconds`, and all that were not well when last looked at. */
  ailing(seconds: number): Promise<Ailing[]>;
  /** `health` undefined: well. */
  record(
    connector: Pick<Ailing, 'id' | 'number'>,
    health: Omit<ConnectorHealth, 'skipped' | 'skippedSlot'> | undefined,
  ): Promise<void>;
  /** Which of the connectors are left alone at the moment, noting that this slot of theirs passes. */
  skip(slots: { connectorId: string; slot: string }[]): Promise<Set<string>>;
  /** What is to be tried again: of connectors whose wait is over and whose source nobody asked since, if anything is to be read of it. */
  due(): Promise<DueRetry[]>;
  /** By connector id; those that fare well are left out. */
  of(connectorIds: string[]): Promise<Map<string, ConnectorHealth>>;
}

export interface SealedSecret {
  connectorId: string;
  name: string;
  revision: number;
  value: string;
}

/** Sealed values of secrets; the values themselves never get here. */
export interface SecretRepository {
  /** After `after` in the order of (connector, name, revision). */
  page(after: SealedSecret | undefined, limit: number): Promise<SealedSecret[]>;
  /** Puts `value` in place of what `secret` holds; false when that changed meanwhile. */
  replace(secret: SealedSecret, value: string): Promise<boolean>;
}

export interface HoldDecision {
  approved: boolean;
  reason: string;
  /** Who decides, as audit rows name them. */
  by: string;
}

export interface DecidedHold {
  /** Of the sync now. */
  state: SyncState;
  /** False when it was not held any more, and nothing was recorded. */
  decided: boolean;
  /** The sync that took its place, if one did. */
  by: string | null;
  /** What its lane is told of one that may go on. */
  lane: LaneReference;
}

/** Written by the catalog service. */
export interface HoldRepository {
  /** Records the decision and its audit row in one transaction; a rejected refresh ends there. Undefined when nothing of that sync was ever held. */
  decide(sync: string, decision: HoldDecision): Promise<DecidedHold | undefined>;
}

/** Why rejected rows cannot be replayed. */
export type ReplayProblem = 'missing' | 'unpublished' | 'collected' | 'busy' | 'outdated' | 'retired';

/** What a replay of the rejected rows of a sync works on. */
export interface ReplaySource {
  dataset: string;
  datasetId: string;
  connector: string;
  department: string;
  /** Rows in quarantine, and the object that holds them. */
  count: number;
  rejected: string | null;
  /** The connector's, which a replay leaves where it is. */
  cursor: Cursor;
  /** Of the replay, once opened; otherwise of the sync. */
  number: number;
  /** What its lane is told of a replay that was opened. */
  lane?: LaneReference;
  problem: ReplayProblem | null;
}

/** Opening is for the catalog service, as part of the quarantine. */
export interface ReplayRepository {
  /** Undefined when there is no such sync. `replay`: the one that asks, once it is open. */
  source(sync: string, replay?: string): Promise<ReplaySource | undefined>;
  /** Opens a replay as a sync that has landed already, unless the answer names a problem. */
  open(asked: {
    id: string;
    of: string;
    slot: string;
    codes: string[] | undefined;
    by: string;
    traceparent: string;
  }): Promise<ReplaySource | undefined>;
}

/** A rollback that was asked for: its sync, or why there is none. */
export type AskedRollback =
  | { problem: null; sync: string; lane: LaneReference }
  | { problem: 'missing' | 'removed' | 'no-connector' }
  /** Another one, to version `to`, has not ended. */
  | { problem: 'busy'; sync: string; to: number }
  /** `version` is served, and has the same. */
  | { problem: 'served'; version: number };

/** Written by the catalog service. */
export interface RollbackRepository {
  /**
   * Opens a rollback to a version as a sync that has landed already, and records who asked for it and why, in one transaction. While one to that
   * version is open, it is answered in place of another.
   */
  open(asked: {
    id: string;
    dataset: string;
    version: number;
    slot: string;
    reason: string;
    by: string;
    traceparent: string;
  }): Promise<AskedRollback>;
}

/** What a replay leaves behind in the quarantine of the sync that it is of. */
export interface ReplayedRows {
  of: string;
  version: number;
  replayed: { count: number; key?: string };
  remaining: { count: number; byCode: Record<string, number>; groups: RejectedGroup[]; key?: string };
}

/** Rejected rows with one and the same thing wrong. */
export interface RejectedGroup {
  code: string;
  field?: string;
  count: number;
  /** How many of them are kept whole, so that a changed rule can let them pass. */
  replayable: number;
  /** Of the first one. */
  message: string;
}

export interface Notice {
  position: number;
  department: string;
  subject: string;
  code: string;
  message: string;
  actor: Actor;
  at: Date;
}

export interface NoticeRepository {
  /** Newest first. */
  list(filter: { department?: string | undefined; limit: number }): Promise<Notice[]>;
}
