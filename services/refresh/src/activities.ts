import type { LandedSync, RefreshActivities, RefreshOutcome, ReplayActivities } from '@songhua/contracts';
import { isHold, type Reason, reasonOf } from '@songhua/domain';
import { type Logger, traceIdOf } from '@songhua/runtime';
import { ApplicationFailure, Context } from '@temporalio/activity';
import { forecastReplay } from './forecast.js';
import { type RefreshDeps, refreshDataset } from './refresh-dataset.js';

const BEAT_MS = 2_000;

export interface RefreshMetrics {
  outcome(state: string, code: string, seconds: number): void;
}

/** The activities of a refresh worker, closed over its dependencies. */
export function createActivities(
  deps: RefreshDeps & { logger: Logger; metrics: RefreshMetrics },
): RefreshActivities & ReplayActivities {
  const recordFailure = async (sync: LandedSync, reason: Reason): Promise<RefreshOutcome> => {
    const outcome: RefreshOutcome = {
      dataset: sync.dataset,
      sync: sync.sync,
      state: isHold(reason.code) ? 'held' : 'failed',
      reason,
    };
    await deps.refreshes.finish(sync, outcome, {});
    return outcome;
  };

  const refreshOne = async (sync: LandedSync): Promise<RefreshOutcome | { retry: Reason }> => {
    const started = performance.now();
    const log = deps.logger.child({ dataset: sync.dataset, sync: sync.sync, trace: traceIdOf(sync.traceparent) });
    const done = (outcome: RefreshOutcome): RefreshOutcome => {
      const seconds = (performance.now() - started) / 1000;
      deps.metrics.outcome(outcome.state, outcome.reason?.code ?? '', seconds);
      log.info({ state: outcome.state, version: outcome.version, reason: outcome.reason, seconds }, 'refresh ended');
      return outcome;
    };
    try {
      return done(await refreshDataset(deps, sync));
    } catch (error) {
      const reason = reasonOf(error);
      if (!reason.retryable) return done(await recordFailure(sync, reason));
      log.warn({ reason }, 'refresh will be tried again');
      return { retry: reason };
    }
  };

  return {
    recordFailure,
    async forecastReplay(replay) {
      const context = Context.current();
      const beat = setInterval(() => context.heartbeat(), BEAT_MS);
      try {
        return await forecastReplay(deps, replay);
      } catch (error) {
        const { code, message } = reasonOf(error);
        throw ApplicationFailure.nonRetryable(message, code);
      } finally {
        clearInterval(beat);
      }
    },
    async refreshDatasets(syncs) {
      const context = Context.current();
      const outcomes: RefreshOutcome[] = [];
      const retry: { sync: LandedSync; reason: Reason }[] = [];
      const beat = setInterval(
        () => context.heartbeat({ done: outcomes.length + retry.length, of: syncs.length }),
        BEAT_MS,
      );
      try {
        for (const sync of syncs) {
          context.cancellationSignal.throwIfAborted();
          const result = await refreshOne(sync);
          if ('retry' in result) retry.push({ sync, reason: result.retry });
          else outcomes.push(result);
        }
        return { outcomes, retry };
      } finally {
        clearInterval(beat);
      }
    },
  };
}
