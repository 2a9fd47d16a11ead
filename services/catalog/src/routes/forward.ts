import { connectorLifeSchema, lifecycleRequestSchema, syncAcceptedSchema, syncRequestSchema } from '@songhua/contracts';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { owned } from '../access/owners.js';
import type { Routes } from '../http/app.js';
import { passOn } from '../http/pass-on.js';
import { named } from '../http/schemas.js';

const tags = ['operate'];
const anything = z.record(z.string(), z.unknown());
// Up to the colon, so that each action is a route of its own.
const NAMED = ':name(^[^:/]*)';
const STEPS = [
  { step: 'submit', access: 'connector.change', summary: 'Ask for the approval of a change that waits' },
  { step: 'approve', access: 'resource.approve', summary: 'Let a submitted change run' },
  { step: 'refuse', access: 'resource.approve', summary: 'Give a submitted change back, with the reason' },
  { step: 'pause', access: 'connector.change', summary: 'Stop the schedule; the connector still runs when named' },
  {
    step: 'resume',
    access: 'connector.change',
    summary: 'Start the schedule of a paused or suspended connector again',
  },
  { step: 'retire', access: 'connector.change', summary: 'End a connector for good; its versions stay' },
] as const;

/** What the connector service does; its answers, problems too, go through as they are. */
export const forwardRoutes: Routes = (app, { connectors }) => {
  const forward = async (
    request: Pick<FastifyRequest, 'principal'>,
    reply: unknown,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<never> => {
    return passOn(reply, await connectors.as(request.principal).call(method, path, body));
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
    async (request, reply) => forward(request, reply, 'POST', '/syncs', request.body),
  );
  app.post(
    `/api/v1/connectors/${NAMED}::sync`,
    {
      config: { access: 'sync.run', department: owned.connector('name') },
      schema: {
        tags,
        summary: 'Run one connector now',
        params: named,
        body: syncRequestSchema.pick({ full: true, reset: true, range: true, request: true }).nullish(),
        response: { 202: syncAcceptedSchema },
      },
    },
    async (request, reply) =>
      forward(request, reply, 'POST', '/syncs', { ...request.body, connectors: [request.params.name] }),
  );
  for (const { step, access, summary } of STEPS)
    app.post(
      `/api/v1/connectors/${NAMED}::${step}`,
      {
        config: { access, department: owned.connector('name') },
        schema: {
          tags,
          summary,
          params: named,
          body: lifecycleRequestSchema.nullish(),
          response: { 200: connectorLifeSchema },
        },
      },
      async (request, reply) =>
        forward(request, reply, 'POST', `/connectors/${request.params.name}/${step}`, request.body ?? {}),
    );
  app.delete(
    '/api/v1/connectors/:name',
    {
      config: { access: 'connector.change', department: owned.connector('name') },
      schema: { tags, summary: 'Delete a connector; versions stay', params: named, response: { 200: named } },
    },
    async (request, reply) => forward(request, reply, 'DELETE', `/connectors/${request.params.name}`),
  );
  app.post(
    '/api/v1/secrets::rotate',
    {
      config: { access: 'key.manage' },
      schema: {
        tags,
        summary: 'Seal every stored secret under the newest key; can be repeated',
        response: { 200: z.object({ key: z.string(), secrets: z.int(), rewrapped: z.int() }) },
      },
    },
    async (request, reply) => forward(request, reply, 'POST', '/secrets:rotate', {}),
  );
  app.get(
    '/api/v1/connectors::kinds',
    {
      config: { access: 'public.read' },
      schema: { tags, summary: 'Kinds of sources and their configuration', response: { 200: z.array(anything) } },
    },
    async (request, reply) => forward(request, reply, 'GET', '/connectors:kinds'),
  );
  for (const [action, summary] of [
    ['test', 'Reach the source of a connector without reading it all'],
    ['discover', 'Streams and columns that a source offers'],
    ['preview', 'The first rows as the public would see them'],
    ['dry-run', 'What the first or next version would be; nothing is stored'],
  ] as const)
    app.post(
      `/api/v1/connectors::${action}`,
      {
        config: { access: 'connector.try', department: owned.trial },
        schema: { tags, summary, body: anything, response: { 200: z.unknown() } },
      },
      async (request, reply) => forward(request, reply, 'POST', `/connectors:${action}`, request.body),
    );
};
