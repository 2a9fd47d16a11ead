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
// What is waited for at least this long is named, and looked up anew as often.
const LONG_MS = 2_000;
const MOST_LISTED = 500;

// The states of what may be waited for, the one that tells most first.
const FOREMOST: [keyof SyncProgress, string][] = [
  ['reading', 'reading'],
  ['refreshing', 'refreshing'],
  ['landing', 'delivered'],
  ['landed', 'landed'],
  ['queued', 'queued'],
];

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
  let foremost: { sync: Sync | undefined; state: string; at: Date } | undefined;
  for (let poll = 0; ; poll++) {
    const now = await api.get(`/api/v1/sync-requests/${encodeURIComponent(request)}`, syncProgressSchema);
    if (now.published + now.unchanged + now.held + now.failed === now.total && now.unannounced === 0) return now;
    const [, state] = FOREMOST.find(([of]) => now[of] !== 0) ?? [];
    if (state === undefined || now.requestedSeconds * 1000 < LONG_MS) foremost = undefined;
    else if (state !== foremost?.state || Date.now() - foremost.at.getTime() >= LONG_MS)
      foremost = { sync: await longestIn(api, request, state), state, at: new Date() };
    progress.update('sync', progressShown(now, foremost?.sync && { sync: foremost.sync, at: foremost.at }));
    await delay(poll < 10 ? FIRST_POLL_MS : POLL_MS, undefined, { signal });
  }
}

/** The exit code that says what became of a request. */
export const exitOf = ({ failed, held }: SyncProgress): number =>
  failed > 0 ? EXIT.failed : held > 0 ? EXIT.held : EXIT.done;

/** The sync of the request that has been on its way for longest of those in `state`. */
async function longestIn(api: Api, request: string, state: string): Promise<Sync | undefined> {
  const { items } = await api.get(
    `/api/v1/syncs?${new URLSearchParams({ request, state, limit: String(MOST_LISTED) })}`,
    z.looseObject({ items: z.array(syncSchema) }),
  );
  const since = ({ startedAt, queuedAt }: Sync): string => startedAt ?? queuedAt;
  return items.sort((a, b) => since(a).localeCompare(since(b)))[0];
}
