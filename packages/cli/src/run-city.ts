import type { Resource, SyncProgress } from '@songhua/contracts';
import { syncAcceptedSchema } from '@songhua/contracts';
import type { Api } from './api.js';
import { appliedSchema } from './commands/apply.js';
import { followRequest } from './follow.js';
import type { Progress } from './progress.js';

// One call carries at most this many resources, so that a city's worth stays far below the server's body limit.
const APPLY_AT_ONCE = 500;

/** Registers resources; the same ones twice change nothing. */
export async function applyAll(api: Api, resources: Resource[]): Promise<void> {
  const order = ['Department', 'Domain', 'Dataset', 'Connector'];
  const sorted = [...resources].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  for (let i = 0; i < sorted.length; i += APPLY_AT_ONCE)
    await api.post('/api/v1/resources:apply', sorted.slice(i, i + APPLY_AT_ONCE), appliedSchema);
}

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
