import { setTimeout as delay } from 'node:timers/promises';
import { reasonOf } from '@songhua/domain';

export interface RetryOptions {
  tries: number;
  /** First wait; each later one doubles, with full jitter, up to `maxMs`. */
  baseMs: number;
  maxMs: number;
  signal?: AbortSignal;
}

/** Runs `work` until it succeeds, fails with an error that is not retryable, or `tries` are used up; throws the last error. */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= options.tries || !reasonOf(error).retryable) throw error;
      const limit = Math.min(options.maxMs, options.baseMs * 2 ** (attempt - 1));
      await delay(limit * (0.5 + Math.random() / 2), undefined, options.signal ? { signal: options.signal } : {});
    }
  }
}
