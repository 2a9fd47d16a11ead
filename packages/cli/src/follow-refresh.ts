import { setTimeout as delay } from 'node:timers/promises';
import { REFRESH_STATES } from '@songhua/domain';
import { z } from 'zod';
import type { Api } from './api.js';
import { EXIT } from './exit.js';

const refreshSchema = z.looseObject({
  state: z.enum(REFRESH_STATES),
  version: z.int().nullable(),
  startedAt: z.string(),
  reason: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
});
const syncSchema = z.looseObject({ refresh: refreshSchema.nullable() });
export type Refresh = z.infer<typeof refreshSchema>;

const POLL_MS = 300;

export const refreshOf = async (api: Api, sync: string): Promise<Refresh | null> =>
  (await api.get(`/api/v1/syncs/${encodeURIComponent(sync)}`, syncSchema)).refresh;

/** Waits until the refresh of a sync, begun after `before`, has ended or is held. */
export async function followRefresh(api: Api, sync: string, before?: string): Promise<Refresh> {
  for (;;) {
    const refresh = await refreshOf(api, sync);
    if (refresh && refresh.state !== 'running' && refresh.startedAt !== before) return refresh;
    await delay(POLL_MS);
  }
}

/** What became of it, for a person, and the exit code that says the same. */
export function told({ state, version, reason }: Refresh): { line: string; exit: number } {
  const why = reason ? `${reason.code}: ${reason.message}` : '';
  if (state === 'failed') return { line: `failed: ${why}`, exit: EXIT.failed };
  if (state === 'held') return { line: `held: ${why}`, exit: EXIT.held };
  return { line: version === null ? state : `${state}, version ${version}`, exit: EXIT.done };
}
