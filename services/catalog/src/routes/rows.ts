import { SonghuaError } from '@songhua/domain';
import { z } from 'zod';
import { dataFile } from '../files/renders.js';
import type { Routes } from '../http/app.js';
import { named, page, pageSize, rowPage, versionNumber } from '../http/schemas.js';
import { findKept } from './find-version.js';

const own = z.object({
  version: versionNumber.default('latest'),
  sort: z.string().max(200).optional().describe('a column; with a leading "-" descending'),
  page,
  pageSize: pageSize(1000, 100),
});
// Every other parameter is a filter `column=value`; a repeated one would need "in", which is not offered.
const query = own.catchall(z.string().max(2000));

export const rowRoutes: Routes = (app, deps) => {
  app.get(
    '/api/v1/datasets/:name/rows',
    {
      config: { access: 'public.read' },
      schema: {
        tags: ['catalog'],
        summary: 'A page of rows; every parameter that is not listed is an equality filter on a column',
        params: named,
        querystring: query,
        response: { 200: rowPage },
      },
    },
    async (request) => {
      const { version: number, sort, page: at, pageSize: size, ...filters } = request.query;
      const version = await findKept(deps, request.params.name, number);
      const columns = new Set(version.schema.columns.map((column) => column.name));
      const where = filters as Record<string, string>;
      const descending = sort?.startsWith('-') ?? false;
      const sortColumn = descending ? sort?.slice(1) : sort;
      for (const column of [...Object.keys(where), ...(sortColumn === undefined ? [] : [sortColumn])])
        if (!columns.has(column))
          throw new SonghuaError(
            'rows.unknown-column',
            `${JSON.stringify(column.slice(0, 100))} is not a column of ${version.dataset}; use ${[...columns].slice(0, 100).join(', ')}`,
            { actor: 'department' },
          );
      const tables = await deps.tables();
      const found = await deps.cache.use(dataFile(version), (parquet) =>
        tables.rows(parquet, {
          limit: size,
          offset: (at - 1) * size,
          where,
          ...(sortColumn === undefined ? {} : { sort: { column: sortColumn, descending } }),
        }),
      );
      return { dataset: version.dataset, version: version.version, page: at, pageSize: size, ...found };
    },
  );
};
