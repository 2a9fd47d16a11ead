import { setTimeout as delay } from 'node:timers/promises';
import { sourceError, throwIfAborted } from '@songhua/connector-sdk';
import { codeOf } from '@songhua/domain';

export interface Pace {
  /** Milliseconds left of the time limit. */
  left(): number;
  /** Waits until one more request keeps within the requests per second. */
  turn(): Promise<void>;
  /**
   * Waits after the failure of attempt `attempt` (from 1), so that it may be made again; throws `error` when it may not. What the source
   * asks to wait is waited, unless it is more than the limits bear: then `source.rate-limited` says how long. Other passing failures are
   * tried again only when `patient`.
   */
  afterFailure(error: unknown, attempt: number, patient: boolean): Promise<void>;
}

// A source that still refuses after five waits is left for the next sync.
const MAX_WAITS = 5;
// Longer than this a sync does not sleep on its slot.
const MAX_WAIT_S = 300;
const BACKOFF_S = 1;
// Connectors that were told the same moment do not all come back in it.
const JITTER_MS = 100;
// A server that restarts amid a long read is back within seconds.
const PATIENT_TRIES = 3;

export function createPace(options: {
  requestsPerSecond: number | undefined;
  timeoutMs: number;
  signal: AbortSignal;
}): Pace {
  const { requestsPerSecond, signal } = options;
  const deadline = Date.now() + options.timeoutMs;
  const gapMs = requestsPerSecond === undefined ? 0 : 1000 / requestsPerSecond;
  let nextTurn = 0;
  const left = (): number => deadline - Date.now();
  const wait = async (
    ms: number,
    { error, jitterMs = 0 }: { error?: unknown; jitterMs?: number } = {},
  ): Promise<void> => {
    if (ms >= left() || ms > MAX_WAIT_S * 1000) throw rateLimited(ms, error);
    await delay(ms + Math.random() * jitterMs, undefined, { signal }).catch(() => throwIfAborted(signal));
  };
  return {
    left,
    async turn() {
      throwIfAborted(signal);
      const ms = nextTurn - Date.now();
      if (ms > 0) await wait(ms);
      nextTurn = Math.max(Date.now(), nextTurn) + gapMs;
    },
    async afterFailure(error, attempt, patient) {
      const { retryable, details } = error as { retryable?: boolean; details?: Record<string, unknown> };
      const asked = details?.retryAfterSeconds;
      const backoff = BACKOFF_S * 2 ** (attempt - 1);
      if (codeOf(error) === 'source.rate-limited') {
        const ms = (typeof asked === 'number' ? asked : backoff) * 1000;
        if (attempt > MAX_WAITS) throw rateLimited(ms, error);
        return wait(ms, { error, jitterMs: JITTER_MS });
      }
      if (!patient || retryable !== true || attempt >= PATIENT_TRIES) throw error;
      const ms = backoff * 1000 * (0.25 + Math.random() * 0.25);
      if (ms >= left()) throw error;
      await wait(ms);
    },
  };
}

function rateLimited(ms: number, cause: unknown): unknown {
  const retryAfterSeconds = Math.ceil(ms / 1000);
  const told = (cause as { details?: Record<string, unknown> } | undefined)?.details;
  return sourceError(
    'source.rate-limited',
    `the source lets nobody ask for another ${retryAfterSeconds} s, longer than this sync may wait; it is tried again later, and fewer requests or a higher quota help`,
    { cause, details: { ...told, retryAfterSeconds } },
  );
}
