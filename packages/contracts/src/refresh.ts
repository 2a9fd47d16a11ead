import type { Reason, RefreshState } from '@songhua/domain';

/** Temporal names. Workflow inputs carry references only, never rows. */
export const NAMESPACE = 'songhua';
export const REFRESH_TASK_QUEUE = 'refresh';
export const REFRESH_LANE_WORKFLOW = 'refreshLane';
export const REFRESH_SIGNAL = 'refresh';
export const FORECAST_WORKFLOW = 'forecast';

/** Rejected rows that are read again, with the rules of today. */
export interface ReplayOf {
  /** The sync that they were rejected of. */
  sync: string;
  /** Only those rejected for one of these; all when absent. */
  codes?: string[];
}

/** A landed sync, as a reference. */
export interface LandedSync {
  dataset: string;
  datasetId: string;
  connector: string;
  sync: string;
  attempt: number;
  /** Order of the connector's syncs; 0 when `problem` is that the closing event, which says it, did not come. */
  number: number;
  rows: number;
  /** Canonical CSV bytes before gzip: what decides whether it is refreshed alone or in a group. */
  bytes: number;
  traceparent: string;
  /** Key of the landing manifest; absent when `problem` says why the sync did not land. */
  manifest?: string;
  problem?: Reason;
  /** Guards that a person has decided to pass for this sync, e.g. `shrink`. */
  overrides?: string[];
  /** Nothing was read from the source: `manifest` is of the sync whose rejected rows these are. */
  replay?: ReplayOf;
}

export type ReplayReference = LandedSync & { replay: ReplayOf };

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
  pending: LandedSync[];
}

/** What became of one landed sync. */
export interface RefreshOutcome {
  dataset: string;
  sync: string;
  state: Exclude<RefreshState, 'running'>;
  version?: number;
  reason?: Reason;
}

/** The activities that `refresh` workers offer and lane workflows call. */
export interface RefreshActivities {
  /** Refreshes each in turn; a retryable failure of one is reported in `retry`, not thrown, so that the others go on. */
  refreshDatasets(
    syncs: LandedSync[],
  ): Promise<{ outcomes: RefreshOutcome[]; retry: { sync: LandedSync; reason: Reason }[] }>;
  /** Ends a sync that cannot be refreshed in a terminal state (I7). */
  recordFailure(sync: LandedSync, reason: Reason): Promise<RefreshOutcome>;
}

/** What the forecast workflow calls. */
export interface ReplayActivities {
  /** Fails with an ApplicationFailure whose type is the code. */
  forecastReplay(replay: ReplayReference): Promise<ReplayForecast>;
}

// Few enough that a bulk load groups well, enough that a slow dataset delays only one in sixteen.
export const DEFAULT_LANES = 16;

/** The lane that owns a dataset: its refreshes all run in one workflow, so one at a time. FNV-1a over the id. */
export function laneOf(datasetId: string, lanes: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < datasetId.length; i++) hash = Math.imul(hash ^ datasetId.charCodeAt(i), 0x01000193) >>> 0;
  return hash % lanes;
}

export const laneWorkflowId = (lane: number, lanes: number): string => `refresh-lane-${lane}-of-${lanes}`;
