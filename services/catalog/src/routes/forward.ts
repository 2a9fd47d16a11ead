import { syncAcceptedSchema, syncRequestSchema } from '@songhua/contracts';
import { isName } from '@songhua/domain';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Routes } from '../http/app.js';
import { named } from '../http/schemas.js';

const tags = ['operate'];
const anything = z.record(z.string(), z.unknown());
const ACTIONS = ['sync', 'pause', 'resume'];
const target = z.object({
  target: z
    .string()
    .refine(
      (text) => isName(text.split(':')[0] ?? '') && ACTIONS.includes(text.slice(text.indexOf(':') + 1)),
      `use {connector}:${ACTIONS.join(', {connector}:')}`,
    ),
});

/** What the connector service does; its answers, problems too, go through as they are. */
export const forwardRoutes: Routes = (app, { connectors }) => {
  const forward = async (
    reply: FastifyReply,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<never> => {
    const answer = await connectors.call(method, path, body);
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
    async ({ body }, reply) => forward(reply as never, 'POST', '/syncs', body),
  );
  app.post(
    '/api/v1/connectors/:target',
    {
      schema: {
        tags,
        summary: 'Run one connector now, or stop and start its schedule: `:sync`, `:pause`, `:resume`',
        params: target,
        body: syncRequestSchema.pick({ full: true, reset: true, range: true, request: true }).nullish(),
        response: { 200: named, 202: syncAcceptedSchema },
      },
    },
    async ({ params, body }, reply) => {
      const [connector = '', action] = params.target.split(':');
      return action === 'sync'
        ? forward(reply as never, 'POST', '/syncs', { ...body, connectors: [connector] })
        : forward(reply as never, 'POST', `/connectors/${connector}/${action}`, {});
    },
  );
  app.delete(
    '/api/v1/connectors/:name',
    { schema: { tags, summary: 'Delete a connector; versions stay', params: named, response: { 200: named } } },
    async ({ params }, reply) => forward(reply as never, 'DELETE', `/connectors/${params.name}`),
  );
  app.get(
    '/api/v1/connectors::kinds',
    { schema: { tags, summary: 'Kinds of sources and their configuration', response: { 200: z.array(anything) } } },
    async (_request, reply) => forward(reply as never, 'GET', '/connectors:kinds'),
  );
  for (const [action, summary] of [
    ['test', 'Reach the source of a connector without reading it all'],
    ['discover', 'Streams and columns that a source offers'],
    ['preview', 'The first rows as the public would see them'],
  ] as const)
    app.post(
      `/api/v1/connectors::${action}`,
      { schema: { tags, summary, body: anything, response: { 200: z.unknown() } } },
      async ({ body }, reply) => forward(reply as never, 'POST', `/connectors:${action}`, body),
    );
};
