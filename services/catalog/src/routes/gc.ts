import { collectionSchema, collectRequestSchema } from '@songhua/contracts';
import { z } from 'zod';
import type { Routes } from '../http/app.js';
import { unknown } from '../http/problems.js';

const tags = ['operate'];
const config = { access: 'gc.run' } as const;
const id = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

export const gcRoutes: Routes = (app, { catalog, collector }) => {
  const find = async (asked: number) => {
    const found = await catalog.collection.get(asked);
    if (found) return found;
    throw unknown('collection', 'no collection has this number; see /api/v1/gc');
  };
  app.post(
    '/api/v1/gc',
    {
      config,
      schema: {
        tags,
        summary: 'Begin to remove what nothing names any more, or list what would go; follow it at /api/v1/gc/{id}',
        body: collectRequestSchema,
        response: { 202: collectionSchema },
      },
    },
    async ({ body, principal }, reply) => {
      const begun = await find(await collector.start({ ...body, by: principal.id }));
      return reply.status(202).header('location', `/api/v1/gc/${begun.id}`).send(begun);
    },
  );
  app.get(
    '/api/v1/gc',
    {
      config,
      schema: {
        tags,
        summary: 'The last collections, newest first',
        querystring: z.object({ limit: z.coerce.number().int().min(1).max(50).default(10) }),
        response: { 200: z.object({ items: z.array(collectionSchema) }) },
      },
    },
    async ({ query }) => ({ items: await catalog.collection.list(query.limit) }),
  );
  app.get(
    '/api/v1/gc/:collection',
    {
      config,
      schema: {
        tags,
        summary: 'One collection: how far it is, or what it found and why it went',
        params: z.object({ collection: id }),
        response: { 200: collectionSchema },
      },
    },
    async ({ params }) => find(params.collection),
  );
};
