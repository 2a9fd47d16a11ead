import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { RejectedSummary } from '@songhua/catalog';
import { keys } from '@songhua/contracts';
import type { ObjectStore } from '@songhua/object-store';
import type { NormalizeResult } from '@songhua/tables';
import { createTally } from './groups.js';
import type { LocalLanding } from './landing.js';
import { readRejected } from './ndjson.js';

/**
 * Stores the rejected rows of the reader and of normalizing as one object (gzip members concatenate) and counts them by what is wrong.
 * The key depends on the sync that refreshes only, so a retry writes the same rows to the same place, and one that reads the landing of another
 * leaves what that one rejected. `folder` takes the joined file.
 */
export async function storeRejected(
  store: ObjectStore,
  landing: LocalLanding,
  normalized: NormalizeResult['rejected'],
  { sync, folder }: { sync: string; folder: string },
): Promise<RejectedSummary> {
  const expected = landing.manifest.completed.rejected + (normalized?.count ?? 0);
  if (expected === 0) return { count: 0, byCode: {} };
  const parts = [...landing.rejected, ...(normalized ? [normalized.path] : [])];
  const joined = join(folder, 'rejected.ndjson.gz');
  for (const path of parts) await pipeline(createReadStream(path), createWriteStream(joined, { flags: 'a' }));
  const tally = createTally();
  for await (const row of readRejected(joined)) tally.add(row);
  const key = keys.rejected(landing.manifest.datasetId, sync);
  await store.putFile(key, joined, 'application/gzip');
  return { ...tally.result(), count: expected, key };
}
