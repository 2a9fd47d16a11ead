import { FRESHNESS_STATES, IN_SYNC_STATES } from '@songhua/domain';
import { z } from 'zod';
import type { Routes } from '../http/app.js';
import { unknown } from '../http/problems.js';
import { datasetDetail, datasetPage, name, named, page, pageSize } from '../http/schemas.js';

const tags = ['catalog'];
const query = z.object({
  q: z.string().min(1).max(200).optional().describe('text in name, title or description'),
  department: name.optional(),
  domain: name.optional(),
  freshness: z.enum(FRESHNESS_STATES).optional(),
  inSync: z.enum(IN_SYNC_STATES).optional(),
  sort: z.enum(['name', 'rows', 'changed', 'freshness']).default('name'),
  page,
  pageSize: pageSize(200),
});

export const datasetRoutes: Routes = (app, { catalog, now }) => {
  app.get(
    '/api/v1/datasets',
    {
      config: { access: 'public.read' },
      schema: { tags, summary: 'Search datasets', querystring: query, response: { 200: datasetPage } },
    },
    async (request) => {
      const found = await catalog.estate.datasets(request.query, now());
      return { ...found, page: request.query.page, pageSize: request.query.pageSize };
    },
  );
  app.get(
    '/api/v1/datasets/:name',
    {
      config: { access: 'public.read' },
      schema: { tags, summary: 'One dataset', params: named, response: { 200: datasetDetail } },
    },
    async ({ params }) => {
      const found = await catalog.estate.dataset(params.name, now());
      if (!found) throw unknown('dataset', `no dataset is named ${params.name}; search with /api/v1/datasets?q=`);
      return found;
    },
  );
};
