import { appliedSchema, revisionSchema, toDocument } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { z } from 'zod';
import { revisionsFor } from '../access/history.js';
import { owned } from '../access/owners.js';
import { applyResources } from '../applying.js';
import type { Routes } from '../http/app.js';
import { passOn } from '../http/pass-on.js';
import { unknown } from '../http/problems.js';
import { resourceParams } from './resources.js';

const tags = ['operate'];

export const revisionRoutes: Routes = (app, deps) => {
  const { resources } = deps.catalog;
  app.get(
    '/api/v1/resources/:kind/:name/revisions',
    {
      config: { access: 'resource.read', department: owned.resource },
      schema: {
        tags,
        summary: 'Every change of a resource, newest first, with author and difference',
        params: resourceParams,
        response: { 200: z.object({ items: z.array(revisionSchema) }) },
      },
    },
    async ({ params, principal }) => {
      const items = await revisionsFor(resources, principal, params);
      if (items.length === 0) throw unknown('resource', `there never was a ${params.kind}/${params.name}`);
      return { items };
    },
  );
  app.post(
    '/api/v1/resources/:kind/:name/revisions',
    {
      config: { access: 'resource.change', department: owned.rollback },
      schema: {
        tags,
        summary: 'Roll back: a new revision that is as an earlier one was',
        params: resourceParams,
        body: z.strictObject({ from: z.int().positive().describe('the earlier revision') }),
        response: { 200: appliedSchema },
      },
    },
    async ({ params, body, principal }, reply) => {
      const { kind, name } = params;
      const known = await revisionsFor(resources, principal, params);
      const earlier = known.find(({ revision }) => revision === body.from);
      if (!earlier) throw unknown('revision', `${kind}/${name} has no revision ${body.from}`);
      if (earlier.spec === null)
        throw new SonghuaError(
          'resource.deleted',
          `revision ${body.from} of ${kind}/${name} is its deletion; name one before it`,
          { actor: 'department' },
        );
      const document = toDocument(kind, { name, labels: earlier.labels, spec: earlier.spec });
      const applied = await applyResources(deps, principal, [document], { rollback: true });
      return 'status' in applied ? passOn(reply, applied) : applied;
    },
  );
};
