import type { Reason, RefreshState } from '@songhua/domain';

/** Names in workflow code; those on the server are a deployment's own (`namesOf`). Workflow inputs carry references only, never rows. */
export const REFRESH_LANE_WORKFLOW = 'refreshLane';
export const REFRESH_SIGNAL = 'refresh';
export const FORECAST_WORKFLOW = 'forecast';

/** What a lane is told of a sync. Everything else is read from the catalog when its turn comes, so no message grows with a source. */
export interface LaneReference {
  sync: string;
  datasetId: string;
  /** Of the landing, as it is counted on the wire. */
  attempt: number;
  /** Canonical CSV bytes before gzip: what decides whether it is refreshed alone or in a group. */
  bytes: number;
}

/** A sync whose turn it is, with what its lane counts of it. */
export interface RefreshTurn extends LaneReference {
  /** How often it was tried in vain. */
  tries: number;
  /** How often a worker died over it. */
  crashes: number;
}

/** Rejected rows that are read again, with the rules of today. */
export interface ReplayReference {
  /** The sync that they were rejected of. */
  sync: string;
  /** Only those rejected for one of these; all when absent. */
  codes?: string[];
}

/** What a replay would do. */
export interface ReplayForecast {
  /** Rejected rows that were asked for. */
  asked: number;
  /** Those that would leave the quarantine. */
  passing: number;
  /** What is still wrong with the others. */
  failing: { code: string; field?: string; count: number }[];
  /** Those that cannot be read again, because the reader made no cells of them. */
  unreadable: { code: string; count: number }[];
  /** What would become of the version; nothing when all are as it has them. */
  changes: { added: number; changed: number; removed: number };
}

export interface RefreshLaneInput {
  lane: number;
  pending: (LaneReference | RefreshTurn)[];
  /** Events of a history at most, before the lane goes on in a new one; lower only in tests. */
  historyLimit?: number;
}

// A signal's share of the 64 KiB that no control message exceeds; a reference is below 200 bytes.
export const MOST_REFERENCES = 250;

/** What became of one landed sync. */
export interface RefreshOutcome {
  sync: string;
  state: Exclude<RefreshState, 'running'>;
  version?: number;
  reason?: Reason;
}

/** A sync that is to be refreshed again, and why. */
export interface RefreshRetry {
  sync: RefreshTurn;
  reason: Reason;
}

/** The activities that `refresh` workers offer and lane workflows call. */
export interface RefreshActivities {
  /**
   * Refreshes each in turn and records what became of it; a failure that may pass is reported in `retry`, not thrown, so that the others go
   * on.
   */
  refreshDatasets(turns: RefreshTurn[]): Promise<{ retry: RefreshRetry[] }>;
  /** Ends a sync that cannot be refreshed in a terminal state (I7). */
  recordFailure(reference: LaneReference, reason: Reason): Promise<void>;
}

/** What the forecast workflow calls. */
export interface ReplayActivities {
  /** Fails with an ApplicationFailure whose type is the code. */
  forecastReplay(replay: ReplayReference): Promise<ReplayForecast>;
}

/** The lane that owns a dataset: its refreshes all run in one workflow, so one at a time. FNV-1a over the id. */
export function laneOf(datasetId: string, lanes: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < datasetId.length; i++) hash = Math.imul(hash ^ datasetId.charCodeAt(i), 0x01000193) >>> 0;
  return hash % lanes;
}
