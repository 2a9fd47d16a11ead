import type { SyncRepository } from '@songhua/catalog';
import { reasonOf } from '@songhua/domain';
import type { Logger } from '@songhua/runtime';

// Claims of one sync: a sync that ended three processes will end a fourth.
const MAX_ATTEMPTS = 3;
const RECOVER_MS = 5_000;
const UNREFRESHED_MS = 60_000;

/** Sees to it that no sync stays open for ever (I7): those of crashed replicas are queued again, those without a refresh are failed. */
export function startWatch(
  syncs: SyncRepository,
  refreshLimitMinutes: number,
  deps: { logger: Logger; requeued(): void },
): { stop(): void } {
  const { logger } = deps;
  const recover = async (): Promise<void> => {
    const { requeued, failed } = await syncs.recoverExpired(MAX_ATTEMPTS);
    if (requeued.length > 0) {
      logger.warn({ syncs: requeued }, 'syncs of a replica that fell silent are queued again');
      deps.requeued();
    }
    if (failed.length > 0)
      logger.error({ syncs: failed }, 'syncs were abandoned: every attempt ended with its process');
  };
  const failUnrefreshed = async (): Promise<void> => {
    const failed = await syncs.failUnrefreshed(refreshLimitMinutes);
    if (failed.length > 0) logger.error({ syncs: failed }, 'delivered syncs were never refreshed');
  };
  const every = (ms: number, work: () => Promise<void>): NodeJS.Timeout =>
    setInterval(() => {
      work().catch((error: unknown) => logger.warn({ reason: reasonOf(error) }, 'watching syncs failed; trying again'));
    }, ms);
  const timers = [every(RECOVER_MS, recover), every(UNREFRESHED_MS, failUnrefreshed)];
  return {
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
