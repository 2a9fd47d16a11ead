import { summarySchema } from '@songhua/contracts';
import { answerReadiness, readinessSchema } from '@songhua/runtime';
import { z } from 'zod';
import type { Routes } from '../http/app.js';

const tags = ['machines'];

export const opsRoutes: Routes = (app, { catalog, ready, metrics, now }) => {
  app.get(
    '/healthz',
    {
      config: { access: 'public.read' },
      schema: { tags, summary: 'The process answers', response: { 200: z.object({ status: z.literal('ok') }) } },
    },
    async () => ({ status: 'ok' as const }),
  );
  app.get(
    '/readyz',
    {
      config: { access: 'public.read' },
      schema: {
        tags,
        summary: 'Every engine answers; one that is excluded need not',
        querystring: z.object({ exclude: z.union([z.string(), z.array(z.string())]).optional() }),
        response: { 200: readinessSchema, 503: readinessSchema },
      },
    },
    async ({ url }, reply) => {
      const { status, readiness } = await answerReadiness(ready, url);
      return reply.status(status).send(readiness);
    },
  );
  app.get(
    '/metrics',
    { config: { access: 'public.read' }, schema: { tags, summary: 'Prometheus text', response: { 200: z.string() } } },
    async (_request, reply) => {
      reply.type(metrics.contentType).serializer((text: string) => text);
      return metrics.metrics();
    },
  );
  app.get(
    '/openapi.json',
    {
      config: { access: 'public.read' },
      schema: { tags, summary: 'This interface as OpenAPI 3.1', response: { 200: z.record(z.string(), z.unknown()) } },
    },
    async () => app.swagger() as unknown as Record<string, unknown>,
  );
  app.get(
    '/api/v1/summary',
    {
      config: { access: 'public.read' },
      schema: { tags: ['catalog'], summary: 'Totals of the estate', response: { 200: summarySchema } },
    },
    async () => catalog.estate.summary(now()),
  );
};
