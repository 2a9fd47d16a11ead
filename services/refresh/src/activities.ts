import type {
  LaneReference,
  RefreshActivities,
  RefreshOutcome,
  RefreshRetry,
  ReplayActivities,
} from '@songhua/contracts';
import { type Reason, reasonOf } from '@songhua/domain';
import { type Logger, traceIdOf } from '@songhua/runtime';
import { ApplicationFailure, Context } from '@temporalio/activity';
import { forecastReplay } from './forecast.js';
import { type RefreshDeps, refreshDataset } from './refresh-dataset.js';

const BEAT_MS = 2_000;
// A few times within the minutes after which the catalog hands a sync over again.
const TOUCH_MS = 60_000;

export interface RefreshMetrics {
  outcome(state: string, code: string, seconds: number): void;
}

type Ended = Pick<RefreshOutcome, 'state' | 'version' | 'reason'>;

/** The activities of a refresh worker, closed over its dependencies. */
export function createActivities(
  deps: RefreshDeps & { logger: Logger; metrics: RefreshMetrics },
): RefreshActivities & ReplayActivities {
  /**
   * Ends a sync in failure, or says why it must be tried again. A failure that cannot be recorded, ever, hurts none of its neighbours: the
   * catalog keeps what it knows of the sync, if it knows it.
   */
  const fail = async (reference: LaneReference, reason: Reason): Promise<Ended | { retry: Reason }> => {
    const state = 'failed';
    try {
      await deps.refreshes.finish(reference, { sync: reference.sync, state, reason }, {});
    } catch (error) {
      const why = reasonOf(error);
      if (why.retryable) return { retry: why };
      deps.logger.error({ sync: reference.sync, reason, why }, 'a failure could not be recorded');
    }
    return { state, reason };
  };

  const refreshOne = async (reference: LaneReference): Promise<Reason | undefined> => {
    const started = performance.now();
    let log = deps.logger.child({ sync: reference.sync });
    const work = async (): Promise<Ended> => {
      const context = await deps.refreshes.begin(reference);
      log = log.child({ dataset: context.dataset.name, trace: traceIdOf(context.sync.traceparent) });
      return context.handled ?? refreshDataset(deps, reference, context);
    };
    const ended = await work().catch((error: unknown): Promise<Ended | { retry: Reason }> | { retry: Reason } => {
      const reason = reasonOf(error);
      return reason.retryable ? { retry: reason } : fail(reference, reason);
    });
    if ('retry' in ended) {
      log.warn({ reason: ended.retry }, 'refresh will be tried again');
      return ended.retry;
    }
    const seconds = (performance.now() - started) / 1000;
    deps.metrics.outcome(ended.state, ended.reason?.code ?? '', seconds);
    log.info({ state: ended.state, version: ended.version, reason: ended.reason, seconds }, 'refresh ended');
    return undefined;
  };

  /** Tells the catalog what is worked on, so that nobody hands it over a second time. A hint: its failure is the next one's to mend. */
  const touch = (works: Parameters<RefreshDeps['refreshes']['touch']>[0]): void => {
    deps.refreshes.touch(works).catch((error) => deps.logger.warn({ reason: reasonOf(error) }, 'not told'));
  };

  return {
    async recordFailure(reference, reason) {
      const ended = await fail(reference, reason);
      if ('retry' in ended) throw ApplicationFailure.retryable(ended.retry.message, ended.retry.code);
    },
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
    async refreshDatasets(references) {
      const context = Context.current();
      const retry: RefreshRetry[] = [];
      let ended = 0;
      const beat = setInterval(() => context.heartbeat({ ended, of: references.length }), BEAT_MS);
      const work = setInterval(() => touch(references), TOUCH_MS);
      try {
        for (const reference of references) {
          context.cancellationSignal.throwIfAborted();
          const reason = await refreshOne(reference);
          ended++;
          if (reason) retry.push({ sync: reference, reason });
        }
        const { attempt } = context.info;
        const at = new Date().toISOString();
        if (retry.length > 0)
          touch(retry.map(({ sync, reason }) => ({ ...sync, trouble: { reason, tries: sync.tries + attempt, at } })));
        return { retry };
      } finally {
        clearInterval(beat);
        clearInterval(work);
      }
    },
  };
}
