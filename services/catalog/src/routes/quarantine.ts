import { type RejectedRow, rejectedRowSchema } from '@songhua/contracts';
import type { ObjectStore } from '@songhua/object-store';
import { readNdjsonGz } from '@songhua/runtime/ndjson';
import { z } from 'zod';
import { owned } from '../access/owners.js';
import type { Routes } from '../http/app.js';
import { unknown } from '../http/problems.js';
import { name, page, pageSize, quarantineEntry, syncId } from '../http/schemas.js';

const tags = ['operate'];
const paging = z.object({ page, pageSize: pageSize(1000, 100) });

export const quarantineRoutes: Routes = (app, { catalog, store }) => {
  app.get(
    '/api/v1/quarantine',
    {
      config: { access: 'quarantine.read', department: 'list' },
      schema: {
        tags,
        summary: 'Syncs with rejected rows, newest first',
        querystring: paging.extend({ dataset: name.optional(), department: name.optional() }),
        response: { 200: z.object({ items: z.array(quarantineEntry) }) },
      },
    },
    async ({ query, department }) => {
      const entries = await catalog.estate.quarantine({
        dataset: query.dataset,
        department,
        limit: query.pageSize,
        offset: (query.page - 1) * query.pageSize,
      });
      return { items: entries.map(({ key: _, ...entry }) => entry) };
    },
  );
  app.get(
    '/api/v1/quarantine/:sync',
    {
      config: { access: 'quarantine.read', department: owned.quarantine('sync') },
      schema: {
        tags,
        summary: 'Rejected rows of one sync, with line, field and reason',
        params: z.object({ sync: syncId }),
        querystring: paging,
        response: { 200: quarantineEntry.extend({ rows: z.array(rejectedRowSchema) }) },
      },
    },
    async ({ params, query }) => {
      const found = await catalog.estate.quarantined(params.sync);
      if (!found) throw unknown('quarantine', 'no rejected rows are kept for this sync; see /api/v1/quarantine');
      const { key, ...entry } = found;
      const from = (query.page - 1) * query.pageSize;
      return { ...entry, rows: key === null ? [] : await readRows(store, key, from, query.pageSize) };
    },
  );
};

/** Rows `from` to `from + limit` of an NDJSON.gz object, without holding more than those. */
async function readRows(store: ObjectStore, key: string, from: number, limit: number): Promise<RejectedRow[]> {
  const rows: RejectedRow[] = [];
  let at = 0;
  for await (const row of readNdjsonGz(await store.read(key), rejectedRowSchema)) {
    if (at++ >= from) rows.push(row);
    if (rows.length === limit) break;
  }
  return rows;
}
