import { setTimeout as delay } from 'node:timers/promises';
import type { Api } from './api.js';
import { EXIT } from './exit.js';
import { decisionShown } from './hold-view.js';
import type { Progress } from './progress.js';
import { type Sync, stageShown, syncSchema } from './sync-view.js';
import { waiting } from './waiting.js';

export type Refresh = NonNullable<Sync['refresh']>;

const POLL_MS = 300;

export const fetchSync = (api: Api, sync: string): Promise<Sync> =>
  api.get(`/api/v1/syncs/${encodeURIComponent(sync)}`, syncSchema);

/**
 * Waits until nothing more happens to a sync by itself: it has ended, or is held. Through absences of the API, as `waiting` does.
 */
export async function followSync(api: Api, sync: string, progress: Progress): Promise<Sync> {
  const back = `sync ${sync} goes on; come back to it with: songhua syncs wait ${sync}`;
  return waiting(api, { progress, back }, async (patient, signal) => {
    for (;;) {
      const now = await fetchSync(patient, sync);
      const stage = stageShown(now, new Date());
      if (stage === undefined) return now;
      progress.update('sync', `${now.dataset} ${stage}`);
      await delay(POLL_MS, undefined, { signal });
    }
  });
}

/** What became of it, for a person, and the exit code that says the same. */
export function told({ id, state: read, reason: unread, refresh }: Sync): { lines: string[]; exit: number } {
  const { state, version, reason } = refresh ?? { state: read, version: null, reason: unread };
  const why = reason ? `${reason.code}: ${reason.message}` : '';
  if (state === 'failed') return { lines: [`failed: ${why}`], exit: EXIT.failed };
  if (state === 'held') return { lines: [`held: ${why}`, ...decisionShown(id)], exit: EXIT.held };
  return { lines: [version === null ? state : `${state}, version ${version}`], exit: EXIT.done };
}
