import { connectorSchemaOf, type JsonSchema, RESOURCE_KINDS, resourceSchemaOf } from '@songhua/contracts';
import { ANONYMOUS, SonghuaError } from '@songhua/domain';
import { z } from 'zod';
import type { Routes } from '../http/app.js';
import { unknown } from '../http/problems.js';

const tags = ['machines'];
const kinds = z.array(z.object({ kind: z.string(), config: z.record(z.string(), z.unknown()) }));
const jsonSchema = z.record(z.string(), z.unknown());

export const schemaRoutes: Routes = (app, { connectors }) => {
  const all = async (): Promise<Map<string, JsonSchema>> => {
    const answer = await connectors.as(ANONYMOUS).call('GET', '/connectors:kinds');
    if (answer.status !== 200)
      throw new SonghuaError(
        'connector-service.unavailable',
        'the connector service does not tell its kinds; try again',
        {
          retryable: true,
          actor: 'operator',
        },
      );
    return new Map([
      ...RESOURCE_KINDS.map((kind) => [kind, resourceSchemaOf(kind)] as const),
      ...kinds
        .parse(JSON.parse(answer.body))
        .map(({ kind, config }) => [`Connector:${kind}`, connectorSchemaOf(kind, config)] as const),
    ]);
  };
  app.get(
    '/api/v1/schemas',
    {
      config: { access: 'public.read' },
      schema: {
        tags,
        summary: 'The JSON Schema of every kind of resource, and of connectors of every kind of source',
        response: { 200: z.record(z.string(), jsonSchema) },
      },
    },
    async () => Object.fromEntries(await all()) as Record<string, Record<string, unknown>>,
  );
  app.get(
    '/api/v1/schemas/:kind',
    {
      config: { access: 'public.read' },
      schema: {
        tags,
        summary: 'One JSON Schema: `Dataset`, `Connector`, or as `Connector:postgres` with its configuration',
        params: z.object({
          kind: z.string().regex(/^[A-Za-z]{1,40}(:[a-z0-9-]{1,40})?$/, 'use a kind such as Dataset or Connector:http'),
        }),
        response: { 200: jsonSchema },
      },
    },
    async ({ params }, reply) => {
      const found = (await all()).get(params.kind);
      if (!found) throw unknown('schema', `no kind is named ${params.kind}; see /api/v1/schemas`);
      reply.type('application/schema+json');
      return found as Record<string, unknown>;
    },
  );
};
