import {
  type LaneReference,
  MOST_REFERENCES,
  REFRESH_SIGNAL,
  type RefreshActivities,
  type RefreshLaneInput,
  type RefreshRetry,
  type RefreshTurn,
} from '@songhua/contracts/refresh';
import type { Reason } from '@songhua/domain';
import {
  ActivityFailure,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  log,
  patched,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { takeGroup } from './group.js';

export const refreshSignal = defineSignal<[LaneReference[]]>(REFRESH_SIGNAL);

const { refreshDatasets } = proxyActivities<RefreshActivities>({
  startToCloseTimeout: '60 minutes',
  // A killed worker is noticed within this; the activity beats every 2 s.
  heartbeatTimeout: '10 seconds',
  retry: { maximumAttempts: 2, initialInterval: '500 milliseconds' },
});

const { recordFailure } = proxyActivities<RefreshActivities>({
  startToCloseTimeout: '1 minute',
  // About three minutes. What cannot be recorded stays open in the catalog, which hands it over again (I7).
  retry: { initialInterval: '1 second', maximumInterval: '1 minute', maximumAttempts: 8 },
});

// One large dataset beside groups of small ones: it must not hold up its lane.
const CONCURRENT_GROUPS = 2;
// With the waits below about ten minutes: an engine that restarts is waited for, one that is gone becomes a visible failure.
const TRIES = 14;
// Workers that may die while they refresh one dataset alone: the next one would die too. An engine that is away is waited for longer.
const CRASHES = 3;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 60_000;
// Far below the server's 51,200 events, so that a replay stays quick.
const HISTORY_LIMIT = 4_000;
const CRASHED = 'refresh.crashed';

/** A sync in its lane. */
interface Work extends RefreshTurn {
  /** It was signalled again while it was being refreshed: it is looked at once more afterwards. */
  again: boolean;
}

/**
 * Refreshes the datasets of one lane: up to two groups at a time, and never two syncs of one dataset at once. The workflow ends when it knows
 * of no more syncs; the next signal starts it again. A sync that waits to be tried again belongs to no group meanwhile, so that others can
 * run; later syncs of its dataset wait for it. Input and signals carry references only. The catalog has everything else, and signals
 * syncs again that a lane has lost.
 */
export async function refreshLane(input: RefreshLaneInput): Promise<void> {
  // Histories from before this patch count a group as running while its members wait to be tried again.
  const freesPlaces = patched('waiting-frees-the-place');
  const limit = input.historyLimit ?? HISTORY_LIMIT;
  const known = new Map<string, Work>();
  const pending: Work[] = [];
  const busy = new Set<string>();
  let groups = 0;
  let wake = true;

  const accept = (references: LaneReference[]): void => {
    for (const reference of references) {
      const there = known.get(keyOf(reference));
      // What is worked on may be over already, and decided on since: it is looked at once more.
      if (there) there.again = !pending.includes(there);
      else {
        const work = { tries: 0, crashes: 0, ...reference, again: false };
        known.set(keyOf(work), work);
        pending.push(work);
      }
    }
  };
  accept(input.pending);
  setHandler(refreshSignal, (references) => {
    accept(references);
    wake = true;
  });

  const done = (work: Work): void => {
    busy.delete(work.datasetId);
    if (work.again) {
      Object.assign(work, { again: false, tries: 0, crashes: 0 });
      pending.push(work);
    } else known.delete(keyOf(work));
    wake = true;
  };

  /** Waits until `work` is to be tried again; false when it has been tried enough, and that is recorded. */
  const rest = async (work: Work, reason: Reason): Promise<boolean> => {
    work.tries++;
    if (reason.code === CRASHED) work.crashes++;
    if (work.tries >= TRIES || work.crashes >= CRASHES) {
      await record(work, reason);
      return false;
    }
    await sleep(waitOf(work));
    return true;
  };

  const tryAgain = async (work: Work, reason: Reason): Promise<void> => {
    if (!(await rest(work, reason))) return done(work);
    busy.delete(work.datasetId);
    // Before everything later of its dataset.
    pending.unshift(work);
    wake = true;
  };

  const tryInPlace = async (work: Work, first: Reason): Promise<void> => {
    for (let reason = first; await rest(work, reason); ) {
      const [failed] = await attempt([work]);
      if (!failed) break;
      reason = failed.reason;
    }
    done(work);
  };

  const run = async (group: Work[]): Promise<void> => {
    const retries = new Map((await attempt(group)).map(({ sync, reason }) => [sync.sync, reason]));
    const again = group.filter((work) => retries.has(work.sync));
    for (const work of group) if (!again.includes(work)) done(work);
    const waiting = again.map((work) => (freesPlaces ? tryAgain : tryInPlace)(work, retries.get(work.sync) as Reason));
    if (!freesPlaces) await Promise.all(waiting);
    groups--;
    wake = true;
    await Promise.all(waiting);
  };

  for (;;) {
    const full = workflowInfo().historyLength >= limit || workflowInfo().continueAsNewSuggested;
    while (!full && groups < CONCURRENT_GROUPS) {
      const group = takeGroup(pending, busy, ({ crashes }) => crashes > 0);
      if (group.length === 0) break;
      for (const work of group) busy.add(work.datasetId);
      groups++;
      void run(group).catch((error) => log.error('a group ended unexpectedly', { error: String(error) }));
    }
    if (groups === 0 && known.size === 0) return;
    if (groups === 0 && full) {
      const waiting = [...known.values()].filter((work) => !pending.includes(work));
      await continueAsNew<typeof refreshLane>({
        ...input,
        pending: [...waiting, ...pending].slice(0, MOST_REFERENCES),
      });
    }
    wake = false;
    await condition(() => wake);
  }
}

const keyOf = ({ sync, attempt }: LaneReference): string => `${sync}/${attempt}`;

const waitOf = ({ tries }: Work): number => Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (tries - 1));

async function record(work: Work, reason: Reason): Promise<void> {
  try {
    await recordFailure(work, { ...reason, retryable: false });
  } catch (error) {
    if (isCancellation(error)) throw error;
    log.error('a failure could not be recorded; the catalog hands the sync over again', { sync: work.sync });
  }
}

async function attempt(group: Work[]): Promise<RefreshRetry[]> {
  try {
    return (await refreshDatasets(group)).retry;
  } catch (error) {
    if (isCancellation(error)) throw error;
    const cause = error instanceof ActivityFailure ? error.cause?.message : String(error);
    const reason: Reason = {
      code: CRASHED,
      message: `the refresh worker did not answer for this dataset (${cause ?? 'no cause given'}); see the worker's log, then run the sync again`,
      actor: 'platform',
      retryable: true,
    };
    return group.map((sync) => ({ sync, reason }));
  }
}
