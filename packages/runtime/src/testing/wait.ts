import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;

/** Polls `condition` until it is true; fails with what was awaited, and what the condition last threw. */
export async function waitFor(what: string, condition: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      if (await condition()) return;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await delay(POLL_MS);
  }
  throw new Error(`waited ${timeoutMs / 1000} s for ${what}`, { cause: last });
}
