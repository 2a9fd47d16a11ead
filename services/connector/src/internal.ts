import { decodePrincipal, PRINCIPAL_HEADER } from '@songhua/contracts';
import { ANONYMOUS, type Principal, SonghuaError, sameSecret } from '@songhua/domain';
import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** For whom the catalog service calls; it has checked what they may do. */
    principal: Principal;
  }
}

// What a cluster and its monitoring ask for.
const OPEN = new Set(['/healthz', '/readyz', '/metrics']);

/** Answers only who holds the internal token; it says on whose behalf it calls. Must be called before routes are added. */
export function internalOnly(app: FastifyInstance, token: string): void {
  const expected = `Bearer ${token}`;
  app.decorateRequest('principal', null as unknown as Principal);
  app.addHook('onRequest', async (request) => {
    request.principal = ANONYMOUS;
    if (OPEN.has(request.routeOptions.url ?? '')) return;
    if (!sameSecret(request.headers.authorization ?? '', expected))
      throw new SonghuaError(
        'access.internal',
        'this interface is for the catalog service only: call that one, or give both the same SONGHUA_INTERNAL_TOKEN',
        { actor: 'operator' },
      );
    request.principal = decodePrincipal(request.headers[PRINCIPAL_HEADER]);
  });
}
