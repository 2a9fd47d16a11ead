import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';

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
        { name: 'machines', description: 'Health, metrics, this document' },
      ],
    },
    transform: jsonSchemaTransform,
    // A name that ends in an action is one parameter to the router, and a path of its own to readers.
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject;
      const { paths = {}, ...rest } = document.openapiObject;
      const action = '/api/v1/connectors/{target}';
      const named = Object.entries(paths).map(([path, item]) => [
        path === action ? '/api/v1/connectors/{name}:sync' : path,
        path === action ? JSON.parse(JSON.stringify(item).replaceAll('"name":"target"', '"name":"name"')) : item,
      ]);
      return { ...rest, paths: Object.fromEntries(named) };
    },
  });
}
