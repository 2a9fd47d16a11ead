import { syncAcceptedSchema, syncRequestSchema } from '@songhua/contracts';
import { isName } from '@songhua/domain';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { owned } from '../access/owners.js';
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
    request: Pick<FastifyRequest, 'principal'>,
    reply: FastifyReply,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<never> => {
    const answer = await connectors.as(request.principal).call(method, path, body);
    reply.status(answer.status).header('content-type', answer.contentType).serializer(String);
    return reply.send(answer.body) as never;
  };

  app.post(
    '/api/v1/syncs',
    {
      config: { access: 'sync.run', department: owned.syncRequest },
      schema: {
        tags,
        summary: 'Run connectors now',
        body: syncRequestSchema,
        response: { 202: syncAcceptedSchema },
      },
    },
    async (request, reply) => forward(request, reply as never, 'POST', '/syncs', request.body),
  );
  app.post(
    '/api/v1/connectors/:target',
    {
      config: { access: 'connector.change', department: owned.connector('target') },
      schema: {
        tags,
        summary: 'Run one connector now, or stop and start its schedule: `:sync`, `:pause`, `:resume`',
        params: target,
        body: syncRequestSchema.pick({ full: true, reset: true, range: true, request: true }).nullish(),
        response: { 200: named, 202: syncAcceptedSchema },
      },
    },
    async (request, reply) => {
      const [connector = '', action] = request.params.target.split(':');
      return action === 'sync'
        ? forward(request, reply as never, 'POST', '/syncs', { ...request.body, connectors: [connector] })
        : forward(request, reply as never, 'POST', `/connectors/${connector}/${action}`, {});
    },
  );
  app.delete(
    '/api/v1/connectors/:name',
    {
      config: { access: 'connector.change', department: owned.connector('name') },
      schema: { tags, summary: 'Delete a connector; versions stay', params: named, response: { 200: named } },
    },
    async (request, reply) => forward(request, reply as never, 'DELETE', `/connectors/${request.params.name}`),
  );
  app.get(
    '/api/v1/connectors::kinds',
    {
      config: { access: 'public.read' },
      schema: { tags, summary: 'Kinds of sources and their configuration', response: { 200: z.array(anything) } },
    },
    async (request, reply) => forward(request, reply as never, 'GET', '/connectors:kinds'),
  );
  for (const [action, summary] of [
    ['test', 'Reach the source of a connector without reading it all'],
    ['discover', 'Streams and columns that a source offers'],
    ['preview', 'The first rows as the public would see them'],
  ] as const)
    app.post(
      `/api/v1/connectors::${action}`,
      {
        config: { access: 'connector.try', department: owned.trial },
        schema: { tags, summary, body: anything, response: { 200: z.unknown() } },
      },
      async (request, reply) => forward(request, reply as never, 'POST', `/connectors:${action}`, request.body),
    );
};
