import { setTimeout as delay } from 'node:timers/promises';
import { type SyncProgress, syncProgressSchema } from '@songhua/contracts';
import type { Api } from './api.js';
import { count, seconds } from './format.js';
import type { Progress } from './progress.js';

// Often enough that "published" is seen within a blink, seldom enough to cost the service under 1 % of a core.
const FIRST_POLL_MS = 100;
const POLL_MS = 400;

/** Follows the syncs of one request until every one is in a terminal state and every version of theirs is announced. */
export async function followRequest(api: Api, request: string, progress: Progress): Promise<SyncProgress> {
  const started = performance.now();
  for (let poll = 0; ; poll++) {
    const now = await api.get(`/api/v1/sync-requests/${encodeURIComponent(request)}`, syncProgressSchema);
    const ended = now.published + now.unchanged + now.held + now.failed;
    const elapsed = (performance.now() - started) / 1000;
    progress.update(
      'sync',
      `${count(ended)}/${count(now.total)} datasets  ${count(now.rows)} rows  ${count(Math.round(now.rows / Math.max(elapsed, 0.1)))} rows/s  ` +
        `reading ${now.reading}  refreshing ${now.refreshing}  ${now.failed + now.held > 0 ? `failed ${now.failed} held ${now.held}  ` : ''}${seconds(elapsed)}`,
    );
    if (ended === now.total && now.unannounced === 0) {
      progress.end();
      return now;
    }
    await delay(poll < 10 ? FIRST_POLL_MS : POLL_MS);
  }
}
