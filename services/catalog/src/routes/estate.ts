import type { ConnectorHealth, ConnectorRecord } from '@songhua/catalog';
import type { ServedCatalog } from '@songhua/catalog/catalog';
import { z } from 'zod';
import { owned } from '../access/owners.js';
import type { Routes } from '../http/app.js';
import { unknown } from '../http/problems.js';
import { connectorEntry, groups, name, named } from '../http/schemas.js';

/** A connector as anybody may see it: of its secrets only the names. */
function shown(
  { spec, ...connector }: ConnectorRecord,
  health: ConnectorHealth | undefined,
): z.infer<typeof connectorEntry> {
  return {
    ...connector,
    config: spec.config,
    ...(spec.schedule && { schedule: spec.schedule }),
    secrets: Object.keys(spec.secrets),
    health: health ?? null,
  };
}

async function withHealth(
  catalog: ServedCatalog,
  connectors: ConnectorRecord[],
): Promise<z.infer<typeof connectorEntry>[]> {
  const health = await catalog.health.of(connectors.map(({ id }) => id));
  return connectors.map((connector) => shown(connector, health.get(connector.id)));
}

export const estateRoutes: Routes = (app, { catalog }) => {
  app.get(
    '/api/v1/departments',
    {
      config: { access: 'public.read' },
      schema: { tags: ['catalog'], summary: 'Departments with their totals', response: { 200: groups } },
    },
    async () => ({ items: await catalog.estate.departments() }),
  );
  app.get(
    '/api/v1/domains',
    {
      config: { access: 'public.read' },
      schema: { tags: ['catalog'], summary: 'Domains with their totals', response: { 200: groups } },
    },
    async () => ({ items: await catalog.estate.domains() }),
  );
  app.get(
    '/api/v1/connectors',
    {
      config: { access: 'connector.read', department: 'list' },
      schema: {
        tags: ['operate'],
        summary: 'Connectors',
        querystring: z.object({ department: name.optional() }),
        response: { 200: z.object({ items: z.array(connectorEntry) }) },
      },
    },
    async ({ department }) => ({ items: await withHealth(catalog, await catalog.connectors.list({ department })) }),
  );
  app.get(
    '/api/v1/connectors/:name',
    {
      config: { access: 'connector.read', department: owned.connector('name') },
      schema: { tags: ['operate'], summary: 'One connector', params: named, response: { 200: connectorEntry } },
    },
    async ({ params }) => {
      const connector = await catalog.connectors.get(params.name);
      if (!connector) throw unknown('connector', `no connector is named ${params.name}; see /api/v1/connectors`);
      const [entry] = await withHealth(catalog, [connector]);
      return entry as z.infer<typeof connectorEntry>;
    },
  );
};
