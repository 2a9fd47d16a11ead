import { auditEntrySchema, auditHeadSchema, auditVerdictSchema, momentSchema } from '@songhua/contracts';
import { z } from 'zod';
import type { Routes } from '../http/app.js';

const tags = ['access'];
const text = z.string().min(1).max(300);
const query = z.object({
  actor: text.optional(),
  action: text.optional(),
  subject: text.optional().describe('as in Dataset/admission-scores'),
  from: momentSchema.optional(),
  until: momentSchema.optional(),
  before: z.coerce.number().int().min(1).optional().describe('rows before this sequence number: how to page backwards'),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

export const auditRoutes: Routes = (app, { catalog, anchors }) => {
  const config = { access: 'audit.read' } as const;
  app.get(
    '/api/v1/audit',
    {
      config,
      schema: {
        tags,
        summary: 'Every change and decision, newest first',
        querystring: query,
        response: {
          200: z.object({
            items: z.array(auditEntrySchema),
            next: z.int().nullable().describe('ask with before= this to go on'),
          }),
        },
      },
    },
    async (request) => {
      const items = await catalog.audit.list(request.query);
      return { items, next: items.length === request.query.limit ? (items.at(-1)?.sequence ?? null) : null };
    },
  );
  app.get(
    '/api/v1/audit::head',
    {
      config,
      schema: {
        tags,
        summary: 'The last row: note it down elsewhere to see later that nothing was cut off',
        response: { 200: auditHeadSchema },
      },
    },
    async () => catalog.audit.head(),
  );
  app.post(
    '/api/v1/audit::verify',
    {
      config,
      schema: {
        tags,
        summary: 'Check every row of the log against the one before it and against heads noted earlier',
        body: z.strictObject({ heads: z.array(auditHeadSchema).max(10_000).optional() }).nullish(),
        response: { 200: auditVerdictSchema },
      },
    },
    async ({ body }) => catalog.audit.verify([...(await anchors.list()), ...(body?.heads ?? [])]),
  );
};
