import type { Ailing } from '@songhua/catalog';
import type { ConnectorCatalog } from '@songhua/catalog/connector';
import { type HealthPolicy, healthOf, reasonOf } from '@songhua/domain';
import type { Logger } from '@songhua/runtime';
import { claimSlots } from './requests.js';
import { shareOf } from './slots.js';

export interface CareDeps {
  catalog: Pick<ConnectorCatalog, 'health' | 'connectors' | 'syncs'>;
  policy: HealthPolicy;
  logger: Logger;
  /** Something was enqueued. */
  wake(): void;
  /** A connector was suspended. */
  reload(): Promise<void>;
  /** How often refreshes that failed are looked for; what this replica itself saw failing is looked at at once. */
  everyMs?: number;
}

export interface Care {
  /** A sync ended in failure here: look at it soon. */
  look(): void;
  stop(): Promise<void>;
}

const EVERY_MS = 5_000;
// Failures of a moment are looked at together.
const GATHER_MS = 200;
// What ended while no replica ran, for the first look; then a little more than the interval.
const FIRST_SECONDS = 86_400;
const OVERLAP_SECONDS = 60;

/**
 * Derives how connectors fare from the ends of their syncs: lets those that may recover wait, tries them again when their wait is over, and
 * suspends those that fail for good. Every replica comes to the same answer, so it does not matter which one looks.
 */
export function startCare(deps: CareDeps): Care {
  const { catalog, policy, logger } = deps;
  const everyMs = deps.everyMs ?? EVERY_MS;
  let seconds = FIRST_SECONDS;
  let stopped = false;
  let timer: { at: number; handle: NodeJS.Timeout } | undefined;
  let looking: Promise<void> = Promise.resolve();

  const judge = async (connector: Ailing): Promise<boolean> => {
    const newest = connector.ends[0]?.at.getTime() ?? 0;
    const health = healthOf(connector.ends, policy, shareOf(`${connector.id}.${newest}`));
    if (health.state === 'well') {
      await catalog.health.record(connector, undefined);
      return false;
    }
    const { failures, since: failingSince, reason } = health;
    const waiting = health.state === 'waiting' ? health : undefined;
    await catalog.health.record(connector, {
      failures,
      failingSince,
      reason,
      nextAttemptAt: waiting?.until ?? null,
      rateLimited: waiting?.rateLimited ?? false,
    });
    if (health.state !== 'suspend') return false;
    const why = `${failures} 次同步失败 syncs failed in a row since ${failingSince.toISOString()}: ${reason.code}: ${reason.message}. Correct it, then run "songhua connectors resume ${connector.name}"`;
    logger.error({ connector: connector.name, failures, since: failingSince, reason }, 'connector suspended');
    return catalog.connectors.step(connector.name, { type: 'suspend' }, { author: 'service:connector', reason: why });
  };

  const tryAgain = async (): Promise<void> => {
    const due = await catalog.health.due();
    if (due.length === 0) return;
    const names = due.map(({ name }) => name);
    const connectors = new Map((await catalog.connectors.list({ names })).map((one) => [one.name, one]));
    await claimSlots(
      catalog,
      due.flatMap(({ name, number, full, reset, range }) => {
        const connector = connectors.get(name);
        return connector ? [{ connector, slot: `retry:${number}`, full, reset, ...(range && { range }) }] : [];
      }),
    );
    logger.info({ connectors: names }, 'trying again after a wait');
    deps.wake();
  };

  const once = async (): Promise<void> => {
    const began = Date.now();
    const found = await catalog.health.ailing(seconds);
    let suspended = false;
    for (const connector of found) {
      if (stopped) return;
      suspended = (await judge(connector)) || suspended;
    }
    seconds = OVERLAP_SECONDS + Math.ceil((everyMs + Date.now() - began) / 1000);
    if (suspended) await deps.reload();
    await tryAgain();
  };

  const plan = (ms: number): void => {
    const at = Date.now() + ms;
    if (stopped || (timer && timer.at <= at)) return;
    clearTimeout(timer?.handle);
    const handle = setTimeout(() => {
      timer = undefined;
      looking = looking.then(once).catch((error: unknown) => {
        seconds = FIRST_SECONDS;
        logger.warn({ reason: reasonOf(error) }, 'looking after connectors failed; trying again');
      });
      void looking.then(() => plan(everyMs));
    }, ms);
    timer = { at, handle };
  };
  plan(GATHER_MS);

  return {
    look: () => plan(GATHER_MS),
    async stop() {
      stopped = true;
      clearTimeout(timer?.handle);
      await looking;
    },
  };
}
