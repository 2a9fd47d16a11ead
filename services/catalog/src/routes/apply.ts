import { appliedSchema, type ConnectorResource, type Resource, resourceSchema } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { z } from 'zod';
import { owned } from '../access/owners.js';
import type { Routes } from '../http/app.js';

const isConnector = (resource: Resource): resource is ConnectorResource => resource.kind === 'Connector';
const MAX_RESOURCES = 20_000;

export const applyRoutes: Routes = (app, { catalog, connectors }) => {
  app.post(
    '/api/v1/resources::apply',
    {
      config: { access: 'resource.change', department: owned.resources },
      schema: {
        tags: ['operate'],
        summary: 'Create or change resources; what is the same already is left alone',
        body: z.array(resourceSchema).max(MAX_RESOURCES),
        response: { 200: appliedSchema },
      },
    },
    async ({ body, principal }, reply) => {
      const own = body.filter((resource) => !isConnector(resource));
      const theirs = body.filter(isConnector);
      const here = await catalog.catalog.apply(own, principal.id);
      if (theirs.length === 0) return here;
      // Connectors come after the datasets that they name; a failure between the two is mended by applying again.
      const answer = await connectors.as(principal).call('POST', '/connectors:apply', { resources: theirs });
      if (answer.status !== 200)
        return reply
          .status(answer.status as 200)
          .header('content-type', answer.contentType)
          .serializer(String)
          .send(answer.body as never);
      const there = appliedSchema.safeParse(JSON.parse(answer.body));
      if (!there.success)
        throw new SonghuaError(
          'connector-service.answer',
          'the connector service gave an answer of another form; update both services',
        );
      return {
        created: here.created + there.data.created,
        changed: here.changed + there.data.changed,
        unchanged: here.unchanged + there.data.unchanged,
        changes: [...here.changes, ...there.data.changes],
      };
    },
  );
};
