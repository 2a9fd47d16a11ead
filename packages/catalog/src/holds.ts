import { codeOf } from '@songhua/domain';
import type { Database } from './database.js';
import type { DecidedHold, HoldRepository, ReplayRepository, ReplaySource } from './operate-types.js';

export function createHoldRepository({ query }: Database): HoldRepository {
  return {
    async decide(sync, decision) {
      try {
        const [row] = await query<{ result: DecidedHold }>(
          'hold_decide',
          'SELECT hold_decide($1, $2::jsonb) AS result',
          [sync, JSON.stringify(decision)],
        );
        return row?.result;
      } catch (error) {
        if (codeOf(error) === 'sync.unknown') return undefined;
        throw error;
      }
    },
  };
}

export function createReplayRepository({ query }: Database): ReplayRepository {
  return {
    async source(sync, replay) {
      const [row] = await query<{ source: ReplaySource | null }>(
        'quarantine_source',
        'SELECT quarantine_source($1, $2) AS source',
        [sync, replay ?? null],
      );
      return row?.source ?? undefined;
    },

    async open({ codes, ...asked }) {
      const [row] = await query<{ source: ReplaySource | null }>(
        'quarantine_replay_open',
        'SELECT quarantine_replay_open($1::jsonb) AS source',
        [JSON.stringify({ ...asked, codes: codes ?? null })],
      );
      return row?.source ?? undefined;
    },
  };
}
