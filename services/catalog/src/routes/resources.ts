import { RESOURCE_KINDS, type Resource, resourceSchema } from '@songhua/contracts';
import { authorOf, type Principal } from '@songhua/domain';
import { z } from 'zod';
import { owned } from '../access/owners.js';
import type { Routes } from '../http/app.js';
import { passOn } from '../http/pass-on.js';
import { unknown } from '../http/problems.js';
import { name } from '../http/schemas.js';

const tags = ['operate'];
const kind = z.enum(RESOURCE_KINDS);
export const resourceParams = z.object({ kind, name });
// Departments and domains are public, and a department's files may name them.
const PUBLIC: Resource['kind'][] = ['Department', 'Domain'];

/** Who may approve sees what runs; who may only propose also the own proposal. */
const viewOf = (principal: Principal) => (authorOf(principal).mayApprove ? 'approved' : 'latest');

export const resourceRoutes: Routes = (app, { catalog, connectors }) => {
  app.get(
    '/api/v1/resources',
    {
      config: { access: 'resource.read', department: 'list' },
      schema: {
        tags,
        summary: 'Resources as documents that can be applied again, by kind and name; secrets never',
        querystring: z.object({ kind: kind.optional(), name: name.optional(), department: name.optional() }),
        response: { 200: z.object({ items: z.array(resourceSchema) }) },
      },
    },
    async ({ query, principal, department }) => {
      const items = await catalog.resources.list(query, viewOf(principal));
      if (department === undefined) return { items };
      const datasets = new Set(
        (await catalog.resources.list({ kind: 'Dataset' }, 'approved')).flatMap((one) =>
          one.kind === 'Dataset' && one.spec.department === department ? [one.metadata.name] : [],
        ),
      );
      const theirs = (one: Resource): boolean => {
        if (one.kind === 'Dataset') return datasets.has(one.metadata.name);
        return one.kind === 'Connector' ? datasets.has(one.spec.dataset) : PUBLIC.includes(one.kind);
      };
      return { items: items.filter(theirs) };
    },
  );
  app.get(
    '/api/v1/resources/:kind/:name',
    {
      config: { access: 'resource.read', department: owned.resource },
      schema: {
        tags,
        summary: 'One resource; its `metadata.revision` makes a change of it conflict with another that came between',
        params: resourceParams,
        response: { 200: resourceSchema },
      },
    },
    async ({ params, principal }) => {
      const found = await catalog.resources.get(params.kind, params.name, viewOf(principal));
      if (!found) throw unknown('resource', `there is no ${params.kind}/${params.name}; see /api/v1/resources`);
      return found;
    },
  );
  app.delete(
    '/api/v1/resources/:kind/:name',
    {
      config: { access: 'resource.change', department: owned.resource },
      schema: {
        tags,
        summary:
          'Delete a resource; refused while others depend on it. A connector ends with its schedule, queue and waiting refreshes; versions stay',
        params: resourceParams,
        response: { 200: resourceParams },
      },
    },
    async ({ params, principal }, reply) => {
      if (params.kind === 'Connector') {
        const answer = await connectors.as(principal).call('DELETE', `/connectors/${params.name}`);
        return answer.status === 200 ? params : passOn(reply, answer);
      }
      if (await catalog.estate.delete(params.kind, params.name, principal.id)) return params;
      throw unknown('resource', `there is no ${params.kind}/${params.name}; see /api/v1/resources`);
    },
  );
};
