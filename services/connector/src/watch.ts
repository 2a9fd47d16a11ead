import type { SyncRepository } from '@songhua/catalog';
import { reasonOf } from '@songhua/domain';
import type { Logger } from '@songhua/runtime';

// A sync that ended three processes will end a fourth.
const MOST_CRASHES = 3;
const RECOVER_MS = 5_000;
const DELIVERED_MS = 60_000;
// Long enough that landing has caught up with a later read of the same connector, however they were told.
const OVERTAKEN_SECONDS = 600;

/**
 * Sees to it that no read stays open for ever (I7): what crashed replicas read, and what was delivered and never landed, is read again. After
 * the catalog was away, replicas have the time of a lease to say that they live before their reads count as crashed.
 */
export function startWatch(
  syncs: Pick<SyncRepository, 'recoverExpired' | 'recoverDelivered'>,
  limits: { landingMinutes: number; leaseSeconds: number },
  deps: { logger: Logger; requeued(): void; everyMs?: number },
): { stop(): void } {
  const { logger } = deps;
  let quietUntil = 0;
  const recover = async (): Promise<void> => {
    if (Date.now() < quietUntil) return;
    const { requeued, failed } = await syncs.recoverExpired(MOST_CRASHES).catch((error: unknown) => {
      quietUntil = Date.now() + limits.leaseSeconds * 1000;
      throw error;
    });
    if (requeued.length > 0) {
      logger.warn({ syncs: requeued }, 'syncs of a replica that fell silent are queued again');
      deps.requeued();
    }
    if (failed.length > 0)
      logger.error({ syncs: failed }, 'syncs were abandoned: every process that read them ended with them');
  };
  const recoverDelivered = async (): Promise<void> => {
    const { requeued, failed } = await syncs.recoverDelivered(OVERTAKEN_SECONDS, limits.landingMinutes * 60);
    if (requeued.length > 0) {
      logger.warn({ syncs: requeued }, 'delivered syncs never landed and are read again');
      deps.requeued();
    }
    if (failed.length > 0)
      logger.error({ syncs: failed }, 'delivered syncs never landed, however often they were read');
  };
  const every = (ms: number, work: () => Promise<void>): NodeJS.Timeout =>
    setInterval(() => {
      work().catch((error: unknown) => logger.warn({ reason: reasonOf(error) }, 'watching syncs failed; trying again'));
    }, ms);
  const timers = [every(deps.everyMs ?? RECOVER_MS, recover), every(DELIVERED_MS, recoverDelivered)];
  return {
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
