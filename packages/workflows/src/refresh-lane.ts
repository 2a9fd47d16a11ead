import {
  type LandedSync,
  REFRESH_SIGNAL,
  type RefreshActivities,
  type RefreshLaneInput,
} from '@songhua/contracts/refresh';
import type { Reason } from '@songhua/domain';
import {
  ActivityFailure,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  log,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { takeGroup } from './group.js';

export const refreshSignal = defineSignal<[LandedSync[]]>(REFRESH_SIGNAL);

const { refreshDatasets } = proxyActivities<RefreshActivities>({
  startToCloseTimeout: '60 minutes',
  // A killed worker is noticed within this; the activity beats every 2 s.
  heartbeatTimeout: '10 seconds',
  retry: { maximumAttempts: 2, initialInterval: '500 milliseconds' },
});

const { recordFailure } = proxyActivities<RefreshActivities>({
  startToCloseTimeout: '1 minute',
  // No limit: a terminal state must be written however long the catalog is away (I7).
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

// One large dataset beside groups of small ones: it must not hold up its lane.
const CONCURRENT_GROUPS = 2;
// With the waits below about ten minutes: an engine that restarts is waited for, one that is gone becomes a visible failure.
const TRIES = 14;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 60_000;
// Far below the server's 51,200 events, so that a replay stays quick.
const HISTORY_LIMIT = 4_000;

/**
 * Refreshes the datasets of one lane, never two syncs of one dataset at once, and ends when nothing is left to do; the next
 * signal starts it again. Carries references only.
 */
export async function refreshLane(input: RefreshLaneInput): Promise<void> {
  const pending = [...input.pending];
  const busy = new Set<string>();
  let groups = 0;
  let wake = true;

  setHandler(refreshSignal, (syncs) => {
    pending.push(...syncs);
    wake = true;
  });

  const run = async (group: LandedSync[]): Promise<void> => {
    try {
      await refreshGroup(group, (sync) => busy.delete(sync.datasetId));
    } finally {
      for (const sync of group) busy.delete(sync.datasetId);
      groups--;
      wake = true;
    }
  };

  for (;;) {
    const full = workflowInfo().historyLength >= HISTORY_LIMIT || workflowInfo().continueAsNewSuggested;
    while (!full && groups < CONCURRENT_GROUPS) {
      const group = takeGroup(pending, busy);
      if (group.length === 0) break;
      for (const sync of group) busy.add(sync.datasetId);
      groups++;
      void run(group).catch((error) => log.error('a group ended unexpectedly', { error: String(error) }));
    }
    if (groups === 0 && pending.length === 0) return;
    if (groups === 0 && full) await continueAsNew<typeof refreshLane>({ lane: input.lane, pending });
    wake = false;
    await condition(() => wake);
  }
}

/** Ends every sync of the group in a terminal state; `done` is called as each one ends. */
async function refreshGroup(group: LandedSync[], done: (sync: LandedSync) => void): Promise<void> {
  const retries = await attempt(group);
  const again = new Map(retries.map((r) => [r.sync.sync, r]));
  for (const sync of group) if (!again.has(sync.sync)) done(sync);
  await Promise.all(
    retries.map(async ({ sync, reason }) => {
      await refreshAlone(sync, reason);
      done(sync);
    }),
  );
}

async function refreshAlone(sync: LandedSync, first: Reason): Promise<void> {
  let reason = first;
  for (let tries = 1; tries < TRIES; tries++) {
    await sleep(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1)));
    const [failed] = await attempt([sync]);
    if (!failed) return;
    reason = failed.reason;
    // A worker that dies each time on this dataset alone will die again; an engine that is away will come back.
    if (reason.code === 'refresh.crashed' && tries >= 2) break;
  }
  await recordFailure(sync, { ...reason, retryable: false });
}

async function attempt(group: LandedSync[]): Promise<{ sync: LandedSync; reason: Reason }[]> {
  try {
    return (await refreshDatasets(group)).retry;
  } catch (error) {
    if (isCancellation(error)) throw error;
    const cause = error instanceof ActivityFailure ? error.cause?.message : String(error);
    const reason: Reason = {
      code: 'refresh.crashed',
      message: `the refresh worker did not answer for this dataset (${cause ?? 'no cause given'}); see the worker's log, then run the sync again`,
      actor: 'platform',
      retryable: true,
    };
    return group.map((sync) => ({ sync, reason }));
  }
}
