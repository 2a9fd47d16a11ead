import { syncAcceptedSchema, syncRequestSchema } from '@songhua/contracts';
import { isName } from '@songhua/domain';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Routes } from '../http/app.js';

const tags = ['operate'];
const anything = z.record(z.string(), z.unknown());
const target = z.object({
  target: z
    .string()
    .refine((text) => text.endsWith(':sync') && isName(text.slice(0, -':sync'.length)), 'use {connector}:sync'),
});

/** What the connector service does; its answers, problems too, go through as they are. */
export const forwardRoutes: Routes = (app, { connectors }) => {
  const forward = async (reply: FastifyReply, path: string, body: unknown): Promise<never> => {
    const answer = await connectors.post(path, body);
    reply.status(answer.status).header('content-type', answer.contentType).serializer(String);
    return reply.send(answer.body) as never;
  };

  app.post(
    '/api/v1/syncs',
    {
      schema: {
        tags,
        summary: 'Run connectors now',
        body: syncRequestSchema,
        response: { 202: syncAcceptedSchema },
      },
    },
    async ({ body }, reply) => forward(reply as never, '/syncs', body),
  );
  app.post(
    '/api/v1/connectors/:target',
    {
      schema: {
        tags,
        summary: 'Run one connector now',
        params: target,
        body: syncRequestSchema.pick({ full: true, request: true }).nullish(),
        response: { 202: syncAcceptedSchema },
      },
    },
    async ({ params, body }, reply) =>
      forward(reply as never, '/syncs', { ...body, connectors: [params.target.slice(0, -':sync'.length)] }),
  );
  for (const [action, summary] of [
    ['test', 'Reach the source of a connector without reading it all'],
    ['discover', 'Streams and columns that a source offers'],
    ['preview', 'The first rows as the public would see them'],
  ] as const)
    app.post(
      `/api/v1/connectors::${action}`,
      { schema: { tags, summary, body: anything, response: { 200: z.unknown() } } },
      async ({ body }, reply) => forward(reply as never, `/connectors:${action}`, body),
    );
};
