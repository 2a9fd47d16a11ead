import type { SyncWithRefresh } from '@songhua/catalog';
import { keys, type LandedSync } from '@songhua/contracts';
import { overridesOf, REFRESH_STATES, SonghuaError } from '@songhua/domain';
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
  superseded: 'a later read of the source was published meanwhile, and has what this one waits with',
  failed: 'it was decided already, or its connector is gone',
  published: 'it was approved already, and is published',
  running: 'it was approved already, and is on its way',
};

/** Refreshes that wait for a person, and what the person decides. */
export const holdRoutes: Routes = (app, { catalog, lanes }) => {
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
          `this refresh waits no longer: ${ENDED[result.state] ?? `it is ${result.state}`}; see "songhua syncs show ${params.id}"`,
          { actor: 'department' },
        );
      if (approved) await lanes.dispatch(landed(sync, result.attempt, overridesOf(result.approved)));
      return reply.status(202).send({ sync: sync.id, dataset: sync.dataset, approved, refresh: result.state });
    },
  );
};

/** The reference that landing gave, with what may pass. */
const landed = (sync: SyncWithRefresh, attempt: number, overrides: string[]): LandedSync => ({
  dataset: sync.dataset,
  datasetId: sync.datasetId,
  connector: sync.connector,
  sync: sync.id,
  attempt,
  number: sync.number,
  rows: sync.rows,
  bytes: sync.bytes,
  traceparent: sync.traceparent,
  manifest: keys.landingManifest(sync.datasetId, sync.id, attempt),
  overrides,
});
