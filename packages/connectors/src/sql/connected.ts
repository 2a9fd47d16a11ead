import type { SourceLimits } from '@songhua/connector-sdk';

/** Calls `cut` once when `signal` is aborted, until `end` is called. */
export function whileConnected(signal: AbortSignal, cut: () => void): { end(): void } {
  const onAbort = (): void => cut();
  if (signal.aborted) cut();
  else signal.addEventListener('abort', onAbort, { once: true });
  return { end: () => signal.removeEventListener('abort', onAbort) };
}

// What databases and timers take.
const LONGEST_MS = 2 ** 31 - 1;

/** The time limit of one statement, in whole milliseconds. */
export const statementMs = (limits: SourceLimits): number => Math.min(Math.ceil(limits.timeoutMs), LONGEST_MS);
