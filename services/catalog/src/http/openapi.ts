import swagger from '@fastify/swagger';
import { problemSchema } from '@songhua/contracts';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';

// Any answer that is not listed is a problem.
const PROBLEM = {
  description: 'Problem details; `detail` says what to do',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

/** Collects every route into an OpenAPI 3.1 document; must run before routes are added. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Songhua catalog',
        version: '1',
        description:
          'Datasets of a city, their versions, files, freshness and operation. Errors are RFC 9457 problem details.',
      },
      tags: [
        { name: 'catalog', description: 'Datasets and versions; public' },
        { name: 'files', description: 'Published files; public' },
        { name: 'operate', description: 'Connectors, syncs, quarantine' },
        { name: 'access', description: 'API keys and the audit log' },
        { name: 'machines', description: 'Health, metrics, this document' },
      ],
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject;
      const { paths = {}, components, ...rest } = document.openapiObject;
      const described = Object.entries(paths).flatMap(([path, item]) => {
        for (const operation of Object.values(item ?? {}) as { responses?: Record<string, unknown> }[])
          if (operation.responses) operation.responses.default = PROBLEM;
        return [[path, item]];
      });
      const { $schema: _, ...problem } = problemSchema.toJSONSchema();
      return {
        ...rest,
        components: { ...components, schemas: { ...components?.schemas, Problem: problem as object } },
        paths: Object.fromEntries(described),
      };
    },
  });
}
