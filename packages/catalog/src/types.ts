import type {
  Applied,
  ConnectorResource,
  ConnectorSpec,
  Cursor,
  DatasetSpec,
  LaneReference,
  Manifest,
  ManifestFile,
  RefreshOutcome,
  ReplayReference,
  Summary,
  SyncProgress,
  SyncRange,
  VersionEvent,
} from '@songhua/contracts';
import type {
  Actor,
  Author,
  Clocks,
  ConnectorState,
  Freshness,
  InSync,
  Lifecycle,
  LifecycleEvent,
  Reason,
  RefreshState,
  SyncMode,
  SyncState,
  TableSchema,
} from '@songhua/domain';
import type { AccessRepository, AuditRepository } from './access-types.js';
import type { ConnectorApplyOptions } from './connector-changes.js';
import type { IngestRepository } from './ingests.js';
import type {
  HealthRepository,
  HoldRepository,
  NoticeRepository,
  RejectedGroup,
  ReplayedRows,
  ReplayRepository,
  SecretRepository,
} from './operate-types.js';
import type { DatasetOfConnector, EstateRepository, ResourceRepository } from './resource-types.js';

/** A connector as the connector service works with it. */
export interface ConnectorRecord {
  id: string;
  name: string;
  dataset: string;
  datasetId: string;
  department: string;
  kind: string;
  mode: SyncMode;
  /** What runs; of one that was never approved, what waits. */
  spec: ConnectorSpec;
  state: ConnectorState;
  /** The newest revision, the one that runs, and the one that waits for approval. */
  revision: number;
  approved: number | null;
  proposal: Lifecycle['proposal'];
  /** Why its proposal was refused, or why it is halted. */
  remark: string | null;
  /** When it last changed, was approved, halted or resumed: what holds now holds since then at the latest. */
  changedAt: Date;
  /** The dataset's. */
  primaryKey: string[];
}

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

/** `attempt` on the wire; `claim`: the attempt of the sync that it belongs to. */
export type LandedFacts = { attempt: number; claim: number } & (
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

/** Written by the connector service only; the cursor by the refresh service, in the publish transaction (I5). */
export interface ConnectorRepository {
  /**
   * All or nothing. What an author who may approve applies runs at once; of another it is a proposal, and what was approved before keeps
   * running. Throws `connector.unknown-dataset`, `connector.dataset-fixed`, `resource.conflict` and `connector.lifecycle`.
   */
  apply(resources: ConnectorResource[], author: Author, options?: ConnectorApplyOptions): Promise<Applied>;
  /** A step in the life of a connector; retiring ends its syncs and refreshes. False when there is none. Throws `connector.lifecycle`. */
  step(
    name: string,
    event: Exclude<LifecycleEvent, { type: 'apply' }>,
    by: { author: string; reason?: string | undefined },
  ): Promise<boolean>;
  get(name: string): Promise<ConnectorRecord | undefined>;
  /** What a connector takes from the dataset that it names; undefined when there is no such dataset. */
  dataset(name: string): Promise<DatasetOfConnector | undefined>;
  /** The stored values of the secrets of one revision, by name. */
  secrets(name: string, revision: number): Promise<Record<string, string>>;
  /**
   * Removes the connector and its secrets, and ends its syncs, and refreshes that wait, with `connector.deleted`; versions and the history
   * of its dataset stay. False when there is no such connector.
   */
  delete(name: string, author: string): Promise<boolean>;
  list(filter: { department?: string | undefined; names?: string[] }): Promise<ConnectorRecord[]>;
  /** Changes whenever a connector does: cheap to poll for schedule reloads. */
  changeToken(): Promise<string>;
  /** By connector id: the cursor, with the validators of a later unchanged check while they hold for it. */
  cursors(connectorIds: string[]): Promise<Map<string, Cursor>>;
  /** Last schedule slot claimed, by connector id. */
  lastSlots(): Promise<Map<string, Date>>;
}

/** The steps of a refresh; called by the refresh service only. */
export interface RefreshRepository {
  /**
   * What a refresh must know, in one round trip; `handled` is what became of the sync when it is not this attempt's turn. Throws
   * `sync.unknown`.
   */
  begin(reference: Pick<LaneReference, 'sync' | 'attempt'>): Promise<RefreshContext>;
  /** The same without beginning; undefined when there is no such sync. */
  context(sync: string): Promise<RefreshContext | undefined>;
  /**
   * The publish transaction: version row under UNIQUE (dataset, number), compare-and-set of the current pointer from `previous`, cursor, the
   * sync's end, rejected summary, outbox, audit. `already` when this very manifest is committed; throws `version.conflict` (not retryable)
   * when another version is current, or it is not this sync's turn any more.
   */
  publish(
    manifest: Manifest,
    manifestKey: string,
    rejected: RejectedSummary,
    more?: { stages?: Record<string, number>; replayed?: ReplayedRows },
  ): Promise<'committed' | 'already'>;
  /** Ends a refresh without a version. `unchanged` advances the cursor and the clocks in the same transaction. */
  finish(
    reference: Pick<LaneReference, 'sync' | 'attempt'>,
    outcome: RefreshOutcome,
    effects: {
      cursor?: Cursor;
      rejected?: RejectedSummary;
      sourceChangedAt?: string | null;
      replayed?: ReplayedRows;
      stages?: Record<string, number>;
    },
  ): Promise<void>;
  /** Says that these are being worked on, and why one is tried again. */
  touch(works: { sync: string; attempt: number; trouble?: SyncTrouble }[]): Promise<void>;
}

export interface RejectedSummary {
  count: number;
  byCode: Record<string, number>;
  groups?: RejectedGroup[];
  /** Object key of the NDJSON.gz with the rows; absent when count is 0. */
  key?: string;
}

export interface RefreshContext {
  sync: {
    id: string;
    number: number;
    /** Of the landing. */
    attempt: number;
    connector: string;
    /** Key of the landing manifest: of a replay, that of the sync whose rejected rows are read again. */
    landing: string;
    traceparent: string;
    /** Codes that a person has let pass. */
    approved: string[];
    replay: ReplayReference | null;
  };
  dataset: { id: string; name: string; spec: DatasetSpec };
  mode: SyncMode;
  schema: TableSchema | null;
  current: { version: number; identity: string; rows: number; manifestKey: string; parquetKey: string } | null;
  handled?: RefreshOutcome;
}

export interface DatasetEntry {
  name: string;
  title: string;
  department: string;
  domain: string;
  frequency: string;
  rows: number;
  bytes: number;
  version: number | null;
  versions: number;
  clocks: Clocks;
  freshness: Freshness;
  /** When the next change is due; null where no promise can be missed. */
  dueAt: Date | null;
  /** Since when it is overdue; null while it is not. */
  lateSince: Date | null;
  inSync: InSync;
  /** How long the last confirmation holds, or held. */
  inSyncUntil: Date | null;
  lastSync: { id: string; state: SyncState; refresh: RefreshState | null; reason: Reason | null } | null;
}

export interface VersionEntry {
  dataset: string;
  version: number;
  identity: string;
  rows: number;
  bytes: number;
  changes: { added: number; changed: number; removed: number };
  rejected: number;
  createdAt: Date;
  publishedAt: Date;
  manifestKey: string;
  sync: string;
}

/** Read side, and the aggregates that the catalog service writes: departments, domains, datasets, renders, relay. */
export interface CatalogRepository extends EstateRepository {
  summary(now: Date): Promise<Summary>;
  datasets(query: DatasetQuery, now: Date): Promise<{ total: number; items: DatasetEntry[] }>;
  dataset(
    name: string,
    now: Date,
  ): Promise<(DatasetEntry & { spec: DatasetSpec; schema: TableSchema | null }) | undefined>;
  /** Newest first. */
  versions(dataset: string): Promise<VersionEntry[]>;
  version(dataset: string, version: number | 'latest'): Promise<VersionDetail | undefined>;
  departments(): Promise<GroupEntry[]>;
  domains(): Promise<GroupEntry[]>;
  /** Rejected rows of syncs, newest first. */
  quarantine(filter: {
    dataset?: string | undefined;
    department?: string | undefined;
    limit: number;
    offset: number;
  }): Promise<QuarantineEntry[]>;
  quarantined(sync: string): Promise<QuarantineEntry | undefined>;
  /**
   * Announces up to `limit` versions in order and remembers how far it came once `send` resolves: at least once, in order, and in
   * one process at a time. Returns how many, or `elsewhere` while another process announces.
   */
  relay(limit: number, send: (events: VersionEvent[]) => Promise<void>): Promise<number | 'elsewhere'>;
  /** The resumable feed: announced or not, events after `position`, in order. A position stands for every lower one. */
  changes(after: string | undefined, limit: number): Promise<{ position: string; event: VersionEvent }[]>;
  /** The newest position of the feed; `0` when it is empty. */
  lastPosition(): Promise<string>;
  render(version: VersionKey, name: string): Promise<RenderedFile | undefined>;
  /** Records a rendered file, or returns the one that was recorded first. */
  recordRender(version: VersionKey, file: RenderedFile): Promise<RenderedFile>;
}

export interface VersionKey {
  datasetId: string;
  version: number;
}

export interface RenderedFile {
  name: string;
  key: string;
  mediaType: string;
  bytes: number;
  sha256: string;
}

export interface VersionDetail extends VersionEntry, VersionKey {
  files: ManifestFile[];
  schema: TableSchema;
}

export interface GroupEntry {
  name: string;
  title: string;
  datasets: number;
  records: number;
}

export interface QuarantineEntry {
  sync: string;
  dataset: string;
  department: string;
  connector: string;
  count: number;
  byCode: Record<string, number>;
  groups: RejectedGroup[];
  /** Rows that were replayed since, by the syncs that did, newest first. */
  replays: { sync: string; count: number; version: number | null; by: string; at: string }[];
  key: string | null;
  recordedAt: Date;
}

export interface DatasetQuery {
  q?: string | undefined;
  department?: string | undefined;
  domain?: string | undefined;
  freshness?: Freshness | undefined;
  inSync?: InSync | undefined;
  sort: 'name' | 'rows' | 'changed' | 'freshness';
  page: number;
  pageSize: number;
}

/** Channels of `Catalog.listen`: a version was committed; a sync was queued. */
export type Channel = 'songhua_outbox' | 'songhua_syncs';

export interface CatalogOptions {
  /** `postgresql://user:password@host:port/database`. */
  databaseUrl: string;
  /** Connections of this process, at most. */
  poolSize: number;
  /** How the process shows in `pg_stat_activity`. */
  applicationName?: string;
  /** Whose announcements these are; the only deployment's when absent. */
  deployment?: string;
}

export interface Catalog {
  syncs: SyncRepository;
  connectors: ConnectorRepository;
  refreshes: RefreshRepository;
  catalog: CatalogRepository;
  resources: ResourceRepository;
  health: HealthRepository;
  notices: NoticeRepository;
  secrets: SecretRepository;
  ingests: IngestRepository;
  holds: HoldRepository;
  replays: ReplayRepository;
  access: AccessRepository;
  audit: AuditRepository;
  /** `SELECT 1`, for readiness. */
  ping(): Promise<void>;
  /** Wakes `wake` after each commit of the kind, usually; a hint only. Returns how to stop. */
  listen(channel: Channel, wake: () => void): () => Promise<void>;
  close(): Promise<void>;
}
