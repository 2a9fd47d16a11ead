import { setTimeout as delay } from 'node:timers/promises';
import { type SyncProgress, syncProgressSchema } from '@songhua/contracts';
import { z } from 'zod';
import type { Api } from './api.js';
import { EXIT } from './exit.js';
import type { Progress } from './progress.js';
import { progressShown, type Sync, syncSchema } from './sync-view.js';
import { waiting } from './waiting.js';

// Often enough that "published" is seen within a blink, seldom enough to cost the service under 1 % of a core.
const FIRST_POLL_MS = 100;
const POLL_MS = 400;
// What is read for longer than this is told one by one.
const LONG_MS = 2_000;
const MOST_READING = 500;

/**
 * Runs `work`, which claims the syncs of `request` or follows them, through absences of the API as `waiting` does. `follow` resolves when every
 * one is in a terminal state and every version of theirs is announced.
 */
export function awaitRequest<T>(
  api: Api,
  request: string,
  progress: Progress,
  work: (api: Api, follow: () => Promise<SyncProgress>) => Promise<T>,
): Promise<T> {
  const back = `request ${request} goes on; come back to it with: songhua syncs wait ${request}`;
  return waiting(api, { progress, back }, (patient, signal) =>
    work(patient, () => polled(patient, request, progress, signal)),
  );
}

/** Follows the syncs of a request that was made before. */
export const followRequest = (api: Api, request: string, progress: Progress): Promise<SyncProgress> =>
  awaitRequest(api, request, progress, (_, follow) => follow());

async function polled(api: Api, request: string, progress: Progress, signal: AbortSignal): Promise<SyncProgress> {
  const started = performance.now();
  let longest: { sync: Sync; at: Date } | undefined;
  for (let poll = 0; ; poll++) {
    const now = await api.get(`/api/v1/sync-requests/${encodeURIComponent(request)}`, syncProgressSchema);
    if (now.published + now.unchanged + now.held + now.failed === now.total && now.unannounced === 0) return now;
    const elapsed = performance.now() - started;
    if (now.reading === 0) longest = undefined;
    else if (elapsed >= LONG_MS && Date.now() - (longest?.at.getTime() ?? 0) >= LONG_MS)
      longest = await longestReading(api, request);
    progress.update('sync', progressShown(now, elapsed / 1000, longest));
    await delay(poll < 10 ? FIRST_POLL_MS : POLL_MS, undefined, { signal });
  }
}

/** The exit code that says what became of a request. */
export const exitOf = ({ failed, held }: SyncProgress): number =>
  failed > 0 ? EXIT.failed : held > 0 ? EXIT.held : EXIT.done;

async function longestReading(api: Api, request: string): Promise<{ sync: Sync; at: Date } | undefined> {
  const { items } = await api.get(
    `/api/v1/syncs?${new URLSearchParams({ request, state: 'reading', limit: String(MOST_READING) })}`,
    z.looseObject({ items: z.array(syncSchema) }),
  );
  const [sync] = items.sort((a, b) => (a.startedAt ?? '').localeCompare(b.startedAt ?? ''));
  return sync && { sync, at: new Date() };
}
