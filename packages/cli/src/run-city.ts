import { randomUUID } from 'node:crypto';
import { type SyncProgress, syncAcceptedSchema } from '@songhua/contracts';
import type { Api } from './api.js';
import { awaitRequest } from './follow-request.js';
import type { Progress } from './progress.js';

/** Runs every connector now and follows to the last announced version. `seconds` is from the request to that moment. */
export async function syncAll(
  api: Api,
  which: { all: true } | { connectors: string[] },
  progress: Progress,
): Promise<SyncProgress & { seconds: number }> {
  const started = performance.now();
  const request = randomUUID();
  const result = await awaitRequest(api, request, progress, async (patient, follow) => {
    await patient.post('/api/v1/syncs', { ...which, full: false, request }, syncAcceptedSchema);
    return follow();
  });
  return { ...result, seconds: (performance.now() - started) / 1000 };
}
