import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RefreshRepository } from '@songhua/catalog';
import type { ReplayForecast, ReplayReference } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { computeReplay, type ReplayDeps } from './replay.js';

/** What a replay would do; computes all of it and leaves nothing behind. */
export async function forecastReplay(
  deps: ReplayDeps & { refreshes: Pick<RefreshRepository, 'context'>; tempDirectory: string },
  replay: ReplayReference,
): Promise<ReplayForecast> {
  const folder = join(deps.tempDirectory, `forecast-${randomBytes(6).toString('hex')}`);
  await mkdir(folder, { recursive: true });
  try {
    const context = await deps.refreshes.context(replay.sync);
    if (!context) throw new SonghuaError('sync.unknown', 'there is no such sync; see "songhua syncs list"');
    return (await computeReplay(deps, replay, context, { folder })).forecast;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
