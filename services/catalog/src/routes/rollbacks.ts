import { randomUUID } from 'node:crypto';
import { SonghuaError, syncId } from '@songhua/domain';
import { newTraceparent } from '@songhua/runtime';
import { z } from 'zod';
import { owned } from '../access/owners.js';
import type { Routes } from '../http/app.js';
import { earlierVersion, name } from '../http/schemas.js';
import { findKept } from './find-version.js';

const asked = z.strictObject({
  reason: z.string().trim().min(1).max(2000).describe('理由，留在审计记录中 · why; kept in the audit log'),
});
const params = z.object({ name, version: earlierVersion });
const common = { dataset: z.string(), to: z.int().describe('要回退到的版本 · the version that is gone back to') };
const served = z.object({
  ...common,
  state: z.literal('unchanged'),
  version: z.int().describe('现行版本，内容相同 · the version that is served, and has the same'),
});
const opened = z.object({ ...common, sync: z.string() });

/** What an earlier version had, published again as a new one. */
export const rollbackRoutes: Routes = (app, deps) => {
  app.post(
    '/api/v1/datasets/:name/versions/:version(^[^:/]*)::rollback',
    {
      config: { access: 'version.rollback', department: owned.dataset('name') },
      schema: {
        tags: ['operate'],
        summary:
          'Publish what a version had as a new version. Asked again while it is on its way, the same sync; of what is served already, nothing',
        params,
        body: asked,
        response: { 200: served, 202: opened },
      },
    },
    async ({ params, body, principal }, reply) => {
      const { name: dataset, version: to } = params;
      await findKept(deps, dataset, to);
      const slot = `rollback:${randomUUID()}`;
      const result = await deps.catalog.rollbacks.open({
        id: syncId(dataset, slot),
        dataset,
        version: to,
        slot,
        reason: body.reason,
        by: principal.id,
        traceparent: newTraceparent(),
      });
      switch (result.problem) {
        case null:
          await deps.handover.give(result.lane);
          return reply.status(202).send({ dataset, to, sync: result.sync });
        case 'served':
          return reply.status(200).send({ dataset, to, state: 'unchanged', version: result.version });
        case 'busy':
          throw new SonghuaError(
            'rollback.busy',
            `dataset ${dataset} is being rolled back to version ${result.to} by sync ${result.sync}; ask again when that has ended, see "songhua syncs show ${result.sync}"`,
            { actor: 'department' },
          );
        case 'no-connector':
          throw new SonghuaError(
            'rollback.no-connector',
            `dataset ${dataset} has no connector that is approved and not retired, and a rollback is a sync of one; apply and approve one first`,
            { actor: 'department' },
          );
        default:
          // It was kept a moment ago.
          await findKept(deps, dataset, to);
          throw new SonghuaError('version.conflict', `version ${to} of ${dataset} changed meanwhile; ask again`, {
            actor: 'department',
          });
      }
    },
  );
};
