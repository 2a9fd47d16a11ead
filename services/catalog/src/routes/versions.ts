import { manifestSchema } from '@songhua/contracts';
import { z } from 'zod';
import { MANIFEST_FILE, publishedFile } from '../files/published-file.js';
import { dataFile } from '../files/renders.js';
import { sendFile } from '../files/send-file.js';
import type { Routes } from '../http/app.js';
import { unknown } from '../http/problems.js';
import {
  difference,
  name,
  named,
  page,
  pageSize,
  versionDetail,
  versionEntry,
  versionNumber,
} from '../http/schemas.js';
import { findKept, findVersion } from './find-version.js';

const tags = ['catalog'];
const params = z.object({ name, version: versionNumber });

export const versionRoutes: Routes = (app, deps) => {
  app.get(
    '/api/v1/datasets/:name/versions',
    {
      config: { access: 'public.read' },
      schema: {
        tags,
        summary: 'Versions, newest first',
        params: named,
        response: { 200: z.object({ items: z.array(versionEntry) }) },
      },
    },
    async (request) => {
      const dataset = request.params.name;
      const items = await deps.catalog.estate.versions(dataset);
      if (items.length === 0 && !(await deps.catalog.estate.dataset(dataset, deps.now())))
        throw unknown('dataset', `no dataset is named ${dataset}; search with /api/v1/datasets?q=`);
      return { items };
    },
  );
  app.get(
    '/api/v1/datasets/:name/versions/:version',
    {
      config: { access: 'public.read' },
      schema: { tags, summary: 'One version, its columns and files', params, response: { 200: versionDetail } },
    },
    async (request) => findVersion(deps, request.params.name, request.params.version),
  );
  app.get(
    '/api/v1/datasets/:name/versions/:version/manifest',
    {
      config: { access: 'public.read' },
      schema: { tags, summary: 'The manifest, byte for byte as committed', params, response: { 200: manifestSchema } },
    },
    async (request, reply) => {
      const version = await findVersion(deps, request.params.name, request.params.version);
      const file = await publishedFile(deps, version, MANIFEST_FILE);
      return sendFile(request, reply as never, file, {
        pinned: request.params.version !== 'latest',
        location: `/api/v1/datasets/${version.dataset}/versions/${version.version}/manifest`,
        modifiedAt: version.publishedAt,
      }) as never;
    },
  );
  app.get(
    '/api/v1/datasets/:name/versions/:version/diff/:other',
    {
      config: { access: 'public.read' },
      schema: {
        tags,
        summary: 'What changed from `version` to `other`, as counts and a page of rows with `_change`',
        params: params.extend({ other: versionNumber }),
        querystring: z.object({ page, pageSize: pageSize(1000, 100) }),
        response: { 200: difference },
      },
    },
    async ({ params: { name: dataset, version, other }, query }) => {
      const [from, to] = await Promise.all([findKept(deps, dataset, version), findKept(deps, dataset, other)]);
      const tables = await deps.tables();
      const found = await deps.cache.use(dataFile(from), (a) =>
        deps.cache.use(dataFile(to), (b) =>
          tables.diff(a, b, to.schema.primaryKey, {
            limit: query.pageSize,
            offset: (query.page - 1) * query.pageSize,
          }),
        ),
      );
      return { dataset, from: from.version, to: to.version, ...query, ...found };
    },
  );
};
