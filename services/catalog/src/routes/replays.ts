import { randomUUID } from 'node:crypto';
import { assertReplayable } from '@songhua/catalog/catalog';
import type { ReplayForecast } from '@songhua/contracts';
import { syncId as idOf } from '@songhua/domain';
import { newTraceparent } from '@songhua/runtime';
import { z } from 'zod';
import { owned } from '../access/owners.js';
import type { Routes } from '../http/app.js';
import { syncId } from '../http/schemas.js';

const codes = z.array(z.string().min(1).max(100)).min(1).max(100);
const asked = z.strictObject({
  codes: codes.optional().describe('只重放这些原因 · only rows that were rejected for these'),
  dryRun: z.boolean().default(false).describe('只预测 · tell what it would do, and change nothing'),
});
const counted = z.array(z.object({ code: z.string(), field: z.string().optional(), count: z.int() }));
const forecast = z.object({
  dataset: z.string(),
  asked: z.int(),
  passing: z.int(),
  failing: counted,
  unreadable: counted,
  changes: z.object({ added: z.int(), changed: z.int(), removed: z.int() }),
});
const opened = z.object({ sync: z.string(), of: z.string(), dataset: z.string() });

/** Rejected rows read again by the rules of today. */
export const replayRoutes: Routes = (app, { catalog, lanes, handover }) => {
  app.post(
    '/api/v1/quarantine/:sync(^[^:/]*)::replay',
    {
      config: { access: 'quarantine.replay', department: owned.quarantine('sync') },
      schema: {
        tags: ['operate'],
        summary:
          'Read the rejected rows of a sync again by the rules that its dataset has now, and publish those that pass. With `dryRun`, tell how many would',
        params: z.object({ sync: syncId }),
        body: asked.nullish(),
        response: { 200: forecast, 202: opened },
      },
    },
    async ({ params, body, principal }, reply) => {
      const of = params.sync;
      const { codes } = body ?? {};
      if (body?.dryRun) {
        const { dataset } = assertReplayable(of, await catalog.replays.source(of));
        const found: ReplayForecast = await lanes.forecast({ sync: of, ...(codes && { codes }) }, randomUUID());
        return reply.status(200).send({ dataset, ...found });
      }
      const slot = `replay:${randomUUID()}`;
      const id = idOf(of, slot);
      const asked = { id, of, slot, codes, by: principal.id, traceparent: newTraceparent() };
      const { dataset, lane } = assertReplayable(of, await catalog.replays.open(asked));
      if (lane) await handover.give(lane);
      return reply.status(202).send({ sync: id, of, dataset });
    },
  );
};
