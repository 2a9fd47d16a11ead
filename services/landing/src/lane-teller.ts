import { setTimeout as delay } from 'node:timers/promises';
import type { LaneReference } from '@songhua/contracts';
import { reasonOf } from '@songhua/domain';
import type { Logger } from '@songhua/runtime';

const AGAIN_MS = 5_000;
// Those beyond, of an engine that is away for long, are left to the catalog, which hands over what no lane works on within minutes.
const MOST_WAITING = 1_000;

export interface LaneTeller {
  /** Tells the lane of a sync that its turn may come. Never throws, and waits for one try only: landing goes on while Temporal is away. */
  tell(reference: LaneReference): Promise<void>;
  close(): void;
}

/** Tells lanes of what landed; what Temporal does not take is told again every `againMs` until it does. */
export function createLaneTeller(
  deps: { dispatch(reference: LaneReference): Promise<void>; logger: Logger },
  againMs = AGAIN_MS,
): LaneTeller {
  const waiting = new Set<LaneReference>();
  const closing = new AbortController();
  let trying = false;

  const tryAgain = async (): Promise<void> => {
    trying = true;
    while (waiting.size > 0 && !closing.signal.aborted) {
      await delay(againMs, undefined, { signal: closing.signal }).catch(() => undefined);
      for (const reference of closing.signal.aborted ? [] : [...waiting]) {
        const told = await deps.dispatch(reference).then(
          () => true,
          () => false,
        );
        if (!told) break;
        waiting.delete(reference);
      }
    }
    trying = false;
  };

  return {
    async tell(reference) {
      await deps.dispatch(reference).catch((error: unknown) => {
        deps.logger.warn({ sync: reference.sync, reason: reasonOf(error) }, 'its lane was not told; told again soon');
        if (waiting.size < MOST_WAITING) waiting.add(reference);
        if (!trying) void tryAgain();
      });
    },
    close: () => closing.abort(),
  };
}
