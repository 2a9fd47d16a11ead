import { keyEntrySchema, keyMadeSchema, keyRequestSchema } from '@songhua/contracts';
import { ACTION_NAMES, grantOf, newApiKey, ROLES, type SonghuaError } from '@songhua/domain';
import { z } from 'zod';
import type { Routes } from '../http/app.js';
import { invalid, unknown } from '../http/problems.js';

const tags = ['access'];
const keyId = z.string().regex(/^[0-9a-f]{12}$/, 'use the id that the list of keys shows');
// A machine that is configured once a month has time to be given the new key.
const GRACE_MOST_SECONDS = 90 * 86_400;

const whoami = z.object({
  id: z.string(),
  role: z.enum(ROLES),
  department: z.string().nullable(),
  may: z.record(z.string(), z.enum(['all', 'own'])).describe('actions, on everything or on what is your own'),
});
const noKey = (): SonghuaError => unknown('key', 'no active key has this id; see /api/v1/keys');

export const keyRoutes: Routes = (app, { catalog, now }) => {
  const config = { access: 'key.manage' } as const;
  app.get(
    '/api/v1/whoami',
    {
      config: { access: 'self.read' },
      schema: { tags, summary: 'Who these credentials name, and what they may do', response: { 200: whoami } },
    },
    async ({ principal }) => ({
      id: principal.id,
      role: principal.role,
      department: principal.department,
      may: Object.fromEntries(
        ACTION_NAMES.flatMap((action) => {
          const grant = grantOf(principal, action);
          return grant ? [[action, grant]] : [];
        }),
      ),
    }),
  );
  app.get(
    '/api/v1/keys',
    {
      config,
      schema: {
        tags,
        summary: 'API keys, never their secrets',
        response: { 200: z.object({ items: z.array(keyEntrySchema) }) },
      },
    },
    async () => ({ items: await catalog.access.keys() }),
  );
  app.post(
    '/api/v1/keys',
    {
      config,
      schema: {
        tags,
        summary: 'Make a key; it is shown in this answer and never again',
        body: keyRequestSchema,
        response: { 201: keyMadeSchema },
      },
    },
    async ({ body, principal }, reply) => {
      if (body.expiresAt !== undefined && Date.parse(body.expiresAt) <= now().getTime())
        throw invalid('body/expiresAt', 'has passed already; name a time to come, or leave it out');
      const made = newApiKey();
      const entry = await catalog.access.createKey(made, body, principal.id);
      return reply
        .status(201)
        .header('cache-control', 'no-store')
        .send({ ...entry, key: made.key });
    },
  );
  app.post(
    '/api/v1/keys::rotate',
    {
      config,
      schema: {
        tags,
        summary: 'Another key with the same rights; the old one ends after a grace',
        body: z.strictObject({ id: keyId, graceSeconds: z.int().min(0).max(GRACE_MOST_SECONDS).default(0) }),
        response: { 201: keyMadeSchema },
      },
    },
    async ({ body, principal }, reply) => {
      const made = newApiKey();
      const entry = await catalog.access.rotateKey(body.id, made, body.graceSeconds, principal.id);
      if (!entry) throw noKey();
      return reply
        .status(201)
        .header('cache-control', 'no-store')
        .send({ ...entry, key: made.key });
    },
  );
  app.delete(
    '/api/v1/keys/:id',
    {
      config,
      schema: {
        tags,
        summary: 'Revoke a key, at once and for good',
        params: z.object({ id: keyId }),
        response: { 200: keyEntrySchema },
      },
    },
    async ({ params, principal }) => {
      const entry = await catalog.access.revokeKey(params.id, principal.id);
      if (!entry) throw noKey();
      return entry;
    },
  );
};
