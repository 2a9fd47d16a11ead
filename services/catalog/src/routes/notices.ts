import { z } from 'zod';
import type { Routes } from '../http/app.js';
import { name } from '../http/schemas.js';

const notice = z.object({
  position: z.int(),
  department: z.string(),
  subject: z.string(),
  code: z.string(),
  message: z.string(),
  actor: z.enum(['department', 'operator', 'platform']),
  at: z.date(),
});

/** What departments are told of their things. */
export const noticeRoutes: Routes = (app, { catalog }) => {
  app.get(
    '/api/v1/notices',
    {
      config: { access: 'connector.read', department: 'list' },
      schema: {
        tags: ['operate'],
        summary: 'What the owners of connectors are told, newest first: for example that one was suspended, and why',
        querystring: z.object({
          department: name.optional(),
          limit: z.coerce.number().int().min(1).max(500).default(50),
        }),
        response: { 200: z.object({ items: z.array(notice) }) },
      },
    },
    async ({ department, query }) => ({ items: await catalog.notices.list({ department, limit: query.limit }) }),
  );
};
