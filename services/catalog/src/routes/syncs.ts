import { requestId, syncProgressSchema } from '@songhua/contracts';
import { REFRESH_STATES, SonghuaError, SYNC_STATES } from '@songhua/domain';
import { z } from 'zod';
import { owned } from '../access/owners.js';
import type { Routes } from '../http/app.js';
import { unknown } from '../http/problems.js';
import { name, syncEntry, syncId } from '../http/schemas.js';

const tags = ['operate'];
const query = z.object({
  connector: name.optional(),
  department: name.optional(),
  state: z.enum(SYNC_STATES).optional(),
  refresh: z.enum(REFRESH_STATES).optional(),
  request: requestId.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
});

const recovered = z.object({ handedOver: z.int(), readAgain: z.array(z.string()) });
// What was handed over or delivered this long ago may be on its way still; doing it twice costs work and nothing else.
const RECOVER_SECONDS = 30;

export const syncRoutes: Routes = (app, { catalog, handover }) => {
  app.post(
    '/api/v1/syncs::recover',
    {
      config: { access: 'sync.recover' },
      schema: {
        tags,
        summary:
          'After an engine lost its data: hand over to lanes whatever should be on its way, and read again what was delivered and did not land',
        response: { 200: recovered },
      },
    },
    async () => {
      const readAgain = await catalog.syncs.rereadDelivered(RECOVER_SECONDS);
      return { handedOver: await handover.again(RECOVER_SECONDS), readAgain };
    },
  );
  app.get(
    '/api/v1/syncs',
    {
      config: { access: 'sync.read', department: 'list' },
      schema: {
        tags,
        summary: 'Syncs, newest first',
        querystring: query,
        response: { 200: z.object({ items: z.array(syncEntry) }) },
      },
    },
    async ({ query, department }) => ({ items: await catalog.syncs.list({ ...query, department }) }),
  );
  app.get(
    '/api/v1/holds',
    {
      config: { access: 'hold.read', department: 'list' },
      schema: {
        tags,
        summary: 'Syncs whose refresh waits for a decision, with the reason, newest first',
        querystring: query.pick({ department: true, limit: true, offset: true }),
        response: { 200: z.object({ items: z.array(syncEntry) }) },
      },
    },
    async ({ query, department }) => ({ items: await catalog.syncs.list({ ...query, department, refresh: 'held' }) }),
  );
  app.get(
    '/api/v1/syncs/:id',
    {
      config: { access: 'sync.read', department: owned.sync('id') },
      schema: { tags, summary: 'One sync', params: z.object({ id: syncId }), response: { 200: syncEntry } },
    },
    async ({ params }) => {
      const sync = await catalog.syncs.get(params.id);
      if (!sync) throw unknown('sync', 'no sync has this id; see /api/v1/syncs');
      return sync;
    },
  );
  app.post(
    '/api/v1/syncs/:id(^[^:/]*)::cancel',
    {
      config: { access: 'sync.run', department: owned.sync('id') },
      schema: {
        tags,
        summary: 'End a sync that is queued or read; its source is left within seconds, and what was published stays',
        params: z.object({ id: syncId }),
        body: z.strictObject({
          reason: z.string().trim().min(1).max(2000).describe('理由，留在审计记录中 · why; kept in the audit log'),
        }),
        response: { 200: syncEntry },
      },
    },
    async ({ params: { id }, body: { reason }, principal }) => {
      const actor = principal.role === 'department' ? 'department' : 'operator';
      const cancelled = await catalog.syncs.cancel(id, { reason, by: principal.id, actor });
      const sync = await catalog.syncs.get(id);
      if (!sync) throw unknown('sync', 'no sync has this id; see /api/v1/syncs');
      if (cancelled) return sync;
      throw new SonghuaError(
        'sync.ended',
        `the source is not read any more: the sync is ${sync.state}${sync.refresh ? ` and its refresh ${sync.refresh.state}` : ''}; see "songhua syncs show ${id}"`,
        { actor: 'department' },
      );
    },
  );
  app.get(
    '/api/v1/sync-requests/:request',
    {
      config: { access: 'sync.read', department: owned.request('request') },
      schema: {
        tags,
        summary: 'How far the syncs of one "run now" have come',
        params: z.object({ request: requestId }),
        response: { 200: syncProgressSchema },
      },
    },
    async ({ params }) => {
      const progress = await catalog.syncs.progress(params.request);
      if (progress.total === 0) throw unknown('request', 'no syncs were requested under this id; see /api/v1/syncs');
      return progress;
    },
  );
};
