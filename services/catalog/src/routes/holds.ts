import { REFRESH_STATES, refreshStateOf, SonghuaError } from '@songhua/domain';
import { z } from 'zod';
import { owned } from '../access/owners.js';
import type { Routes } from '../http/app.js';
import { unknown } from '../http/problems.js';
import { syncEntry, syncId } from '../http/schemas.js';

const tags = ['operate'];
const decision = z.strictObject({
  approve: z.boolean(),
  reason: z.string().trim().min(1).max(2000).describe('理由，留在审计记录中 · why; kept in the audit log'),
});
const decided = z.object({
  sync: z.string(),
  dataset: z.string(),
  approved: z.boolean(),
  refresh: z.enum(REFRESH_STATES),
});

const ENDED: Partial<Record<string, string>> = {
  superseded: 'a later read of the source took its place',
  failed: 'it was decided already, or its connector is gone',
  published: 'it was approved already, and is published',
  landed: 'it was approved already, and is on its way',
  refreshing: 'it was approved already, and is on its way',
};

/** Refreshes that wait for a person, and what the person decides. */
export const holdRoutes: Routes = (app, { catalog, handover }) => {
  app.get(
    '/api/v1/holds/:id',
    {
      config: { access: 'hold.read', department: owned.hold('id') },
      schema: {
        tags,
        summary: 'One hold: what it waits for',
        params: z.object({ id: syncId }),
        response: { 200: syncEntry },
      },
    },
    async ({ params }) => {
      const sync = await catalog.syncs.get(params.id);
      if (sync?.refresh?.state !== 'held') throw unknown('hold', 'no refresh of this sync waits; see /api/v1/holds');
      return sync;
    },
  );
  app.post(
    '/api/v1/holds/:id(^[^:/]*)::decide',
    {
      config: { access: 'hold.decide', department: owned.hold('id') },
      schema: {
        tags,
        summary: 'Let a held refresh pass, or end it; asked again, an approval is passed on again',
        params: z.object({ id: syncId }),
        body: decision,
        response: { 202: decided },
      },
    },
    async ({ params, body, principal }, reply) => {
      const { approve: approved, reason } = body;
      const result = await catalog.holds.decide(params.id, { approved, reason, by: principal.id });
      const sync = await catalog.syncs.get(params.id);
      if (!result || !sync) throw unknown('hold', 'no refresh of this sync waits for a decision; see /api/v1/holds');
      if (!result.decided)
        throw new SonghuaError(
          'hold.ended',
          `this refresh waits no longer: ${ENDED[result.state] ?? `it is ${result.state}`}; see "songhua syncs show ${result.by ?? params.id}"`,
          { actor: 'department' },
        );
      if (approved) await handover.give(result.lane);
      const { id, dataset } = sync;
      return reply.status(202).send({ sync: id, dataset, approved, refresh: refreshStateOf(result.state) });
    },
  );
};
