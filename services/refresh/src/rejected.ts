import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { RejectedSummary } from '@songhua/catalog';
import { keys } from '@songhua/contracts';
import type { ObjectStore } from '@songhua/object-store';
import type { NormalizeResult } from '@songhua/tables';
import type { LocalLanding } from './landing.js';

/**
 * Stores the rejected rows of the reader and of normalizing as one object (gzip members concatenate) and counts them by code.
 * The key depends on the sync only, so a retry writes the same rows to the same place. `folder` takes the joined file.
 */
export async function storeRejected(
  store: ObjectStore,
  landing: LocalLanding,
  normalized: NormalizeResult['rejected'],
  folder: string,
): Promise<RejectedSummary> {
  const byCode: Record<string, number> = { ...normalized?.byCode };
  const count = landing.manifest.completed.rejected + (normalized?.count ?? 0);
  if (count === 0) return { count, byCode };
  for (const path of landing.rejected) await countCodes(path, byCode);
  const joined = join(folder, 'rejected.ndjson.gz');
  for (const path of [...landing.rejected, ...(normalized ? [normalized.path] : [])]) {
    await pipeline(createReadStream(path), createWriteStream(joined, { flags: 'a' }));
  }
  const key = keys.rejected(landing.manifest.datasetId, landing.manifest.sync);
  await store.putFile(key, joined, 'application/gzip');
  return { count, byCode, key };
}

async function countCodes(path: string, byCode: Record<string, number>): Promise<void> {
  for await (const line of createInterface({ input: createReadStream(path).pipe(createGunzip()) })) {
    if (line === '') continue;
    const { code } = JSON.parse(line) as { code: string };
    byCode[code] = (byCode[code] ?? 0) + 1;
  }
}
