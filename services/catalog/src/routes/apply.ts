import { appliedSchema, resourceSchema } from '@songhua/contracts';
import { z } from 'zod';
import { owned } from '../access/owners.js';
import { applyResources } from '../applying.js';
import type { Routes } from '../http/app.js';
import { passOn } from '../http/pass-on.js';

const MAX_RESOURCES = 20_000;

export const applyRoutes: Routes = (app, deps) => {
  app.post(
    '/api/v1/resources::apply',
    {
      config: { access: 'resource.change', department: owned.resources },
      schema: {
        tags: ['operate'],
        summary:
          'Create or change resources; what is the same already is left alone. With `dryRun=true`, tell what would change',
        body: z.array(resourceSchema).max(MAX_RESOURCES),
        querystring: z.object({ dryRun: z.enum(['true', 'false']).default('false') }),
        response: { 200: appliedSchema },
      },
    },
    async ({ body, principal, query }, reply) => {
      const applied = await applyResources(deps, principal, body, { dryRun: query.dryRun === 'true' });
      return 'status' in applied ? passOn(reply, applied) : applied;
    },
  );
};
