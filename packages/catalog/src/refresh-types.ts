import type { Cursor, DatasetSpec, LaneReference, Manifest, RefreshOutcome, ReplayReference } from '@songhua/contracts';
import type { SyncMode, TableSchema } from '@songhua/domain';
import type { RejectedGroup, ReplayedRows } from './operate-types.js';
import type { SyncPurpose, SyncTrouble } from './sync-types.js';

/** The steps of a refresh; called by the refresh service only. */
export interface RefreshRepository {
  /**
   * Marks a landed sync as `refreshing` and returns what its refresh needs, in one round trip. When there is nothing to refresh (the sync has
   * ended, another attempt landed, or a later read is published), nothing is marked and `handled` says what became of it. Throws
   * `sync.unknown`.
   */
  begin(reference: Pick<LaneReference, 'sync' | 'attempt'>): Promise<RefreshContext>;
  /** What `begin` returns, without marking anything; undefined when there is no such sync. */
  context(sync: string): Promise<RefreshContext | undefined>;
  /**
   * One transaction that makes the manifest's version the current one: writes the version row (UNIQUE by dataset and number), moves the
   * current pointer if it still names the manifest's `previous`, advances the cursor, ends the sync as `published`, and writes the
   * rejected summary, the outbox row and the audit row. `rules`: those by which all of its rows were made, `rulesHash`. `already`: this very
   * manifest was committed before. Throws `version.conflict` (retryable: begin again) when another version is current, or the sync is not
   * being refreshed any more.
   */
  publish(
    manifest: Manifest,
    manifestKey: string,
    rejected: RejectedSummary,
    more?: { stages?: Record<string, number>; replayed?: ReplayedRows; rules?: string | undefined },
  ): Promise<'committed' | 'already'>;
  /**
   * Ends or holds a refresh that makes no version. `unchanged` also advances the cursor, the times of the last check and the `rules` by which
   * what is served would be made again, in the same transaction. Changes nothing when the sync has ended or another attempt of it landed.
   */
  finish(
    reference: Pick<LaneReference, 'sync' | 'attempt'>,
    outcome: RefreshOutcome,
    effects: {
      cursor?: Cursor;
      rejected?: RejectedSummary;
      sourceChangedAt?: string | null;
      replayed?: ReplayedRows;
      stages?: Record<string, number>;
      rules?: string | undefined;
    },
  ): Promise<void>;
  /** Ends a refresh by changed rules whose landing is not kept, and asks for a read of everything instead; answers that read's id. */
  reread(reference: Pick<LaneReference, 'sync' | 'attempt'>): Promise<string>;
  /** Stores that a worker is busy with these syncs now, so that they are not handed over again; `trouble`: why one will be tried again. */
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
     * came last; of a rollback, key of the manifest of the version that it goes back to.
     */
    landing: string;
    /** What the landing must say of itself; null when the sync that it is of is not kept any more. */
    landed: { traceparent: string; content: string | null } | null;
    traceparent: string;
    /** Codes of holds that a person has approved: what would hold this refresh for them does not. */
    approved: string[];
    replay: ReplayReference | null;
    /** Of a rollback: the version that it goes back to, and the connector's cursor, which it leaves where it is. */
    rollback: { version: number; cursor: Cursor } | null;
  };
  dataset: { id: string; name: string; spec: DatasetSpec };
  mode: SyncMode;
  schema: TableSchema | null;
  current: { version: number; identity: string; rows: number; manifestKey: string; parquetKey: string } | null;
  handled?: RefreshOutcome;
}
