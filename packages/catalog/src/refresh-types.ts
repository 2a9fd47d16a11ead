import type { Cursor, DatasetSpec, LaneReference, Manifest, RefreshOutcome, ReplayReference } from '@songhua/contracts';
import type { SyncMode, TableSchema } from '@songhua/domain';
import type { RejectedGroup, ReplayedRows } from './operate-types.js';
import type { SyncPurpose, SyncTrouble } from './sync-types.js';

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
  /** Ends a refresh by changed rules whose landing is not kept, and asks for a read of everything instead; answers that read's id. */
  reread(reference: Pick<LaneReference, 'sync' | 'attempt'>): Promise<string>;
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
    slot: string;
    purpose: SyncPurpose;
    connector: string;
    /**
     * Key of the landing manifest: of a replay, that of the sync whose rejected rows are read again; of changed rules, that of the read that
     * came last.
     */
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
