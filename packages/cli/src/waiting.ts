import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf, SonghuaError } from '@songhua/domain';
import { type Api, isAway } from './api.js';
import { seconds } from './format.js';
import type { Progress } from './progress.js';

/** The wait was ended by a signal; what was waited for goes on. `exit` is the exit code that shells give such an end. */
export class Interrupted extends Error {
  readonly exit: number;

  constructor(signal: WaitSignal, back: string) {
    super(`stopped waiting by ${signal}; ${back}`);
    this.exit = 128 + constants.signals[signal];
  }
}

export interface Patience {
  progress: Progress;
  /** What goes on when nobody waits any more, and the command to come back with. */
  back: string;
  /** How long the API may be away, in milliseconds. */
  awayMs?: number;
}

type WaitSignal = 'SIGINT' | 'SIGTERM';
const SIGNALS: WaitSignal[] = ['SIGINT', 'SIGTERM'];
// A restart of the whole system, or a failover of its database, takes less.
const AWAY_MS = 600_000;
/** What is asked while waiting is answered in milliseconds; whoever says nothing for this long has lost the question. */
export const ANSWER_MS = 30_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5_000;

/**
 * Runs `work`, which waits for something, with an API that outlasts the absence of the service: its GETs and POSTs are asked again until there is
 * an answer, so whatever it POSTs must be safe to repeat. `signal` ends with the wait. SIGINT and SIGTERM end it with `Interrupted`;
 * an API that is away for too long with `api.unreachable`.
 */
export async function waiting<T>(
  api: Api,
  { progress, back, awayMs = AWAY_MS }: Patience,
  work: (api: Api, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  let ended: WaitSignal | undefined;
  const end = (signal: WaitSignal): void => {
    ended = signal;
    stop.abort();
  };
  for (const signal of SIGNALS) process.once(signal, end);
  const within = api.within({ signal: stop.signal, timeoutMs: ANSWER_MS });
  const persist = persistence({ progress, back, awayMs, signal: stop.signal });
  try {
    return await work(
      {
        ...within,
        get: (path, schema) => persist(() => within.get(path, schema)),
        post: (path, body, schema) => persist(() => within.post(path, body, schema)),
      },
      stop.signal,
    );
  } catch (error) {
    throw ended ? new Interrupted(ended, back) : error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, end);
    progress.end();
  }
}

function persistence({
  progress,
  back,
  awayMs,
  signal,
}: Required<Patience> & { signal: AbortSignal }): <T>(ask: () => Promise<T>) => Promise<T> {
  return async (ask) => {
    const asked = performance.now();
    for (let tries = 0; ; tries++) {
      try {
        const answer = await ask();
        if (tries > 0) progress.note(`the API answers again, after ${seconds((performance.now() - asked) / 1000)}`);
        return answer;
      } catch (error) {
        if (signal.aborted || !isAway(error)) throw error;
        const away = performance.now() - asked;
        const { code, message, actor } = reasonOf(error);
        if (away >= awayMs)
          throw new SonghuaError(code, `${message}; it was asked for ${seconds(away / 1000)}; ${back}`, {
            cause: error,
            actor,
            retryable: true,
          });
        if (tries === 0) progress.note(`${code}: ${message}; waiting for it, for up to ${seconds(awayMs / 1000)}`);
        await delay(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** tries, awayMs - away), undefined, { signal });
      }
    }
  };
}
