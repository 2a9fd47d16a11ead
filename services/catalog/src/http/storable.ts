import { unstorable } from '@songhua/contracts';
import type { FastifyInstance } from 'fastify';
import { invalid } from './problems.js';

/**
 * Refuses (400) every request with text that the catalog cannot keep, so that a NUL in any parameter or field is told as what it is and
 * never becomes a failure of the database. Must be called before routes are added.
 */
export function onlyStorable(app: FastifyInstance): void {
  app.addHook('preValidation', async ({ params, query, body }) => {
    for (const [where, value] of Object.entries({ params, querystring: query, body: read(body) }))
      for (const { path, message } of unstorable(value)) throw invalid([where, ...path.map(shown)].join('/'), message);
  });
}

// What is pushed stays a stream: it is content, whatever it holds.
const read = (body: unknown): unknown =>
  typeof (body as { pipe?: unknown } | null | undefined)?.pipe === 'function' ? undefined : body;

const shown = (key: PropertyKey): string => JSON.stringify(String(key).slice(0, 100)).slice(1, -1);
