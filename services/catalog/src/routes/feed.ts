import { once } from 'node:events';
import { versionEventSchema } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { z } from 'zod';
import type { Routes } from '../http/app.js';

const position = z.string().regex(/^[0-9]{1,18}$/, 'use the position that an earlier answer gave');
const changes = z.object({
  items: z.array(z.object({ position, event: versionEventSchema })),
  next: position.describe('ask with after= this to go on'),
});
// Each holds a socket and looks into the outbox after each commit.
const MAX_STREAMS = 200;

export const feedRoutes: Routes = (app, { catalog, feed }) => {
  app.get(
    '/api/v1/changes',
    {
      config: { access: 'public.read' },
      schema: {
        tags: ['catalog'],
        summary: 'Published and withdrawn versions in order, to be resumed from any position',
        querystring: z.object({
          after: position.default('0'),
          limit: z.coerce.number().int().min(1).max(1000).default(100),
        }),
        response: { 200: changes },
      },
    },
    async ({ query }) => {
      const items = await catalog.estate.changes(query.after, query.limit);
      return { items, next: items.at(-1)?.position ?? query.after };
    },
  );

  let streams = 0;
  app.get(
    '/api/v1/events',
    {
      config: { access: 'public.read' },
      // A HEAD has no body to stream, and would be held open for ever.
      exposeHeadRoute: false,
      schema: {
        tags: ['catalog'],
        summary: 'The changes feed as server-sent events; Last-Event-ID resumes, without it only new events come',
        headers: z.looseObject({ 'last-event-id': position.optional() }),
        response: { 200: z.string().describe('text/event-stream') },
      },
    },
    async (request, reply) => {
      if (streams >= MAX_STREAMS)
        throw new SonghuaError('events.busy', `${MAX_STREAMS} streams are open; poll /api/v1/changes instead`, {
          retryable: true,
        });
      const start = request.headers['last-event-id'] ?? (await catalog.estate.lastPosition());
      // Throws while it still can be answered, when what comes after it is not kept any more.
      await catalog.estate.changes(start, 1);
      const closed = new AbortController();
      request.raw.once('close', () => closed.abort());
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      streams++;
      try {
        for await (const events of feed.follow(start, closed.signal)) {
          const text = events.map(
            ({ position: id, event }) => `id: ${id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
          );
          if (closed.signal.aborted) break;
          if (!raw.write(text.join('') || ': alive\n\n')) await once(raw, 'drain', { signal: closed.signal });
        }
      } catch (error) {
        if (!closed.signal.aborted) throw error;
      } finally {
        streams--;
        raw.end();
      }
    },
  );
};
