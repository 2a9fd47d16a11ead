import { keys } from '@songhua/contracts';
import { codeOf, type Reason } from '@songhua/domain';
import type { History, Message } from './history.js';
import { digestOf } from './source.js';

const gap: Reason = { code: 'landing.gap', message: 'a batch is missing', actor: 'platform', retryable: true };

/** Landing has everything of an attempt that it will ever get. What the catalog does not know, nobody waits for. */
export async function land({ catalog, connector, bucket, lane }: History, message: Message): Promise<void> {
  const { sync, traceparent, claim, attempt, read, whole } = message;
  const manifest = keys.landingManifest(connector.datasetId, { sync, attempt, traceparent });
  const facts = {
    traceparent,
    manifest,
    rows: Object.keys(read.rows).length,
    rejected: read.rejected.length,
    bytes: 10,
    content: digestOf([read.rows, read.rejected]),
  };
  if (whole) bucket.landings.set(manifest, read);
  try {
    const landed = await catalog.syncs.land(sync, {
      claim,
      attempt,
      ...(whole ? facts : { traceparent, problem: gap }),
    });
    if (landed.dispatch) lane.push({ sync, datasetId: connector.datasetId, attempt, bytes: 10 });
  } catch (error) {
    if (codeOf(error) !== 'sync.unknown') throw error;
  }
}
