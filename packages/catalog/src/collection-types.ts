import type { Collection, CollectionReport } from '@songhua/contracts';
import type { Reason } from '@songhua/domain';

/** What a sync still needs of the bucket. */
export interface SyncNeeds {
  /** It has not come to its end. */
  open: boolean;
  /** The attempt that counts. */
  claim: number;
  /** The attempt on the wire that landed; null before. */
  landingAttempt: number | null;
  landedAt: Date | null;
  /** Its landing was given up. */
  removed: boolean;
  /** Why its landing must stay, whatever its age. */
  need: 'open' | 'used' | 'quarantine' | 'recent' | null;
}

export interface KeptVersion {
  datasetId: string;
  number: number;
  /** Keys of its files. */
  files: string[];
  /** Since when it is not kept any more. */
  removedAt: Date | null;
}

export interface ExpiredVersion {
  dataset: string;
  number: number;
  bytes: number;
  policy: { keep: number; atLeastDays?: number };
}

/** How long rows are kept, as the moment before which they go. */
export interface SyncRetention {
  before: Date;
  /** How many of the last reads of each connector keep their landing. */
  kept: number;
}

/** Where a look at ended syncs has come to: the last one, by when it ended (as the database writes it) and by id. */
export interface SyncPlace {
  endedAt: string;
  id: string;
}

export interface TrimmedSyncs {
  removed: number;
  /** How many were looked at; fewer than asked for: there are no more. */
  looked: number;
  /** The last of those. */
  last: SyncPlace | null;
}

/** What the collector asks and changes. Written by the catalog service. */
export interface CollectionRepository {
  /** By id; what is not there needs nothing. */
  syncNeeds(ids: string[], kept: number): Promise<Map<string, SyncNeeds>>;
  /**
   * Gives up the landings of those that landed before `before` and that nothing needs: from then on nothing is begun with them. Answers those
   * that are given up, now or before.
   */
  releaseLandings(ids: string[], retention: SyncRetention): Promise<Set<string>>;
  /** Of these, those that are in the catalog. */
  versions(of: { datasetId: string; number: number }[]): Promise<KeptVersion[]>;
  /** Of these keys, those of recorded renders of versions that are kept. */
  renders(keys: string[]): Promise<Set<string>>;
  /** Of these keys of what was pushed: those that have a row, and of them those that must stay. */
  pushes(keys: string[], since: Date): Promise<{ known: Set<string>; needed: Set<string> }>;
  /** Of these keys, those that the quarantine names. */
  quarantined(keys: string[], syncs: string[]): Promise<Set<string>>;
  /** Up to `limit` versions that their datasets keep no longer. */
  expiredVersions(now: Date, limit: number): Promise<ExpiredVersion[]>;
  /** Puts tombstones on them, each beside its audit row. */
  expireVersions(now: Date, limit: number, by: string): Promise<ExpiredVersion[]>;
  /**
   * Looks at up to `limit` syncs after `after`, those that ended first first, and removes those that nothing refers to, with what belongs to
   * them. `dryRun` only counts.
   */
  trimSyncs(retention: SyncRetention, after: SyncPlace | null, limit: number, dryRun: boolean): Promise<TrimmedSyncs>;
  /** Forgets where rejected rows are kept of up to `limit` syncs that are older; their counts stay. How many. */
  trimRejected(before: Date, limit: number): Promise<number>;
  /** How many syncs have rejected rows that are older. */
  countRejected(before: Date): Promise<number>;
  /** Removes up to `limit` events that are announced and older; how many. */
  trimOutbox(before: Date, limit: number): Promise<number>;
  /** Of up to `limit` events after a position, how many would go, and the last of them; null: none. */
  countOutbox(before: Date, after: number, limit: number): Promise<{ count: number; last: number | null }>;
  /** The audit row with this number is as it was noted, and older than `before`. */
  isAuditHead(head: { sequence: number; hash: string }, before: Date): Promise<boolean>;
  /** Lets the log begin behind a head that was noted, beside a row that says so. False: it begins there or later already. */
  cutAudit(head: { sequence: number; hash: string }, by: string): Promise<boolean>;
  /** Removes up to `limit` rows that lie behind the cut; how many. */
  trimAudit(limit: number): Promise<number>;
  /** Rows up to `sequence`. */
  countAudit(sequence: number): Promise<number>;

  /** Undefined while another runs, or, with `everySeconds`, when none is due. */
  begin(options: {
    dryRun: boolean;
    by: string;
    leaseSeconds: number;
    everySeconds: number;
  }): Promise<number | undefined>;
  /** Prolongs the lease. False: it was lost. */
  renew(id: number, leaseSeconds: number, told: { stage: string; report: CollectionReport }): Promise<boolean>;
  end(id: number, report: CollectionReport, problem: Reason | null): Promise<void>;
  get(id: number): Promise<Collection | undefined>;
  /** The last runs, newest first. */
  list(limit: number): Promise<Collection[]>;
}
