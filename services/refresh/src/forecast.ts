import type { RefreshRepository } from '@songhua/catalog';
import type { ReplayForecast, ReplayReference } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { withFolder } from '@songhua/runtime';
import { computeReplay, type ReplayDeps } from './replay.js';

/** What a replay would do; computes all of it and leaves nothing behind. */
export function forecastReplay(
  deps: ReplayDeps & { refreshes: Pick<RefreshRepository, 'context'>; tempDirectory: string },
  replay: ReplayReference,
): Promise<ReplayForecast> {
  return withFolder(deps.tempDirectory, 'forecast', async (folder) => {
    const context = await deps.refreshes.context(replay.sync);
    if (!context) throw new SonghuaError('sync.unknown', 'there is no such sync; see "songhua syncs list"');
    return (await computeReplay(deps, replay, context, { folder })).forecast;
  });
}
