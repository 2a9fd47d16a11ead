import type {
  Applied,
  ConnectorResource,
  ConnectorSpec,
  Cursor,
  DatasetSpec,
  ManifestFile,
  Summary,
  VersionEvent,
} from '@songhua/contracts';
import type {
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
import type { CollectionRepository } from './collection-types.js';
import type { ConnectorApplyOptions } from './connector-changes.js';
import type { IngestRepository } from './ingests.js';
import type {
  HealthRepository,
  HoldRepository,
  NoticeRepository,
  RejectedGroup,
  ReplayRepository,
  RollbackRepository,
  SecretRepository,
} from './operate-types.js';
import type { RefreshRepository } from './refresh-types.js';
import type { DatasetOfConnector, EstateChanges, ResourceRepository } from './resource-types.js';
import type { SyncRepository } from './sync-types.js';

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

export interface DatasetDetail extends DatasetEntry {
  spec: DatasetSpec;
  schema: TableSchema | null;
  /** Refreshes that wait for a decision, oldest first: the last sync may say nothing of them. */
  holds: { sync: string; reason: Reason }[];
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
  /** Its files are not kept any more, and why; row and manifest stay. */
  removed: { at: Date; reason: string } | null;
}

/** Read side, and the aggregates that the catalog service writes: departments, domains, datasets, renders, relay. */
export interface EstateRepository extends EstateChanges {
  summary(now: Date): Promise<Summary>;
  datasets(query: DatasetQuery, now: Date): Promise<{ total: number; items: DatasetEntry[] }>;
  dataset(name: string, now: Date): Promise<DatasetDetail | undefined>;
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
  estate: EstateRepository;
  resources: ResourceRepository;
  health: HealthRepository;
  notices: NoticeRepository;
  secrets: SecretRepository;
  ingests: IngestRepository;
  holds: HoldRepository;
  replays: ReplayRepository;
  rollbacks: RollbackRepository;
  access: AccessRepository;
  audit: AuditRepository;
  collection: CollectionRepository;
  /** `SELECT 1`, for readiness. */
  ping(): Promise<void>;
  /** Wakes `wake` after each commit of the kind, usually; a hint only. Returns how to stop. */
  listen(channel: Channel, wake: () => void): () => Promise<void>;
  close(): Promise<void>;
}
