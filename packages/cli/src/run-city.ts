import type { SyncProgress } from '@songhua/contracts';
import { syncAcceptedSchema } from '@songhua/contracts';
import type { Api } from './api.js';
import { followRequest } from './follow.js';
import type { Progress } from './progress.js';

/** Runs every connector now and follows to the last announced version. `seconds` is from the request to that moment. */
export async function syncAll(
  api: Api,
  which: { all: true } | { connectors: string[] },
  progress: Progress,
): Promise<SyncProgress & { seconds: number }> {
  const started = performance.now();
  const accepted = await api.post('/api/v1/syncs', { ...which, full: false }, syncAcceptedSchema);
  const result = await followRequest(api, accepted.request, progress);
  return { ...result, seconds: (performance.now() - started) / 1000 };
}
