import type { Problem } from '@songhua/contracts';
import { Histogram } from '@songhua/runtime';
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { DeclaredRoute } from '../access/declare.js';
import { guard } from '../access/guard.js';
import type { Deps } from '../deps.js';
import { applyRoutes } from '../routes/apply.js';
import { auditRoutes } from '../routes/audit.js';
import { dataRoutes } from '../routes/data.js';
import { datasetRoutes } from '../routes/datasets.js';
import { devIssuerRoutes } from '../routes/dev-issuer.js';
import { estateRoutes } from '../routes/estate.js';
import { feedRoutes } from '../routes/feed.js';
import { forwardRoutes } from '../routes/forward.js';
import { gcRoutes } from '../routes/gc.js';
import { holdRoutes } from '../routes/holds.js';
import { ingestRoutes } from '../routes/ingest.js';
import { keyRoutes } from '../routes/keys.js';
import { noticeRoutes } from '../routes/notices.js';
import { opsRoutes } from '../routes/ops.js';
import { quarantineRoutes } from '../routes/quarantine.js';
import { replayRoutes } from '../routes/replays.js';
import { resourceRoutes } from '../routes/resources.js';
import { revisionRoutes } from '../routes/revisions.js';
import { rollbackRoutes } from '../routes/rollbacks.js';
import { rowRoutes } from '../routes/rows.js';
import { schemaRoutes } from '../routes/schemas.js';
import { syncRoutes } from '../routes/syncs.js';
import { versionRoutes } from '../routes/versions.js';
import { describeApi } from './openapi.js';
import { invalid, problemOf, unknown } from './problems.js';
import { onlyStorable } from './storable.js';

export type App = ReturnType<typeof typed>;
export type Routes = (app: App, deps: Deps) => void;

const typed = (app: FastifyInstance) => app.withTypeProvider<ZodTypeProvider>();

const ROUTES: Routes[] = [
  opsRoutes,
  datasetRoutes,
  versionRoutes,
  rowRoutes,
  dataRoutes,
  feedRoutes,
  estateRoutes,
  syncRoutes,
  holdRoutes,
  quarantineRoutes,
  replayRoutes,
  rollbackRoutes,
  noticeRoutes,
  applyRoutes,
  resourceRoutes,
  revisionRoutes,
  schemaRoutes,
  forwardRoutes,
  ingestRoutes,
  keyRoutes,
  auditRoutes,
  gcRoutes,
  devIssuerRoutes,
];

// A city's departments, datasets and connectors in one call are about 1 MB.
const BODY_LIMIT = 32 * 1024 * 1024;

/** The HTTP interface of `contract.md`; every answer that is not a success is RFC 9457 problem details. */
export async function createApp(deps: Deps): Promise<{ app: FastifyInstance; routes: readonly DeclaredRoute[] }> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: true,
    // So that an overlong name is told to be one (400), not taken for an unknown route.
    routerOptions: { maxParamLength: 4096 },
    frameworkErrors: (error, _request, reply) => {
      send(reply, error);
    },
  });
  app.setValidatorCompiler(validatorCompiler);
  // Answers are built by typed code; checking each again would only cost time.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler((error, request, reply) => {
    const { status, code } = send(reply, error);
    const route = request.routeOptions.url;
    if (status === 503) deps.logger.warn({ code, route }, 'an engine is away');
    else if (status >= 500) deps.logger.error({ err: error, route }, 'request failed');
  });
  app.setNotFoundHandler((request, reply) => {
    const hostile = /(^|\/)\.\.(\/|$)|\0/.test(decode(request.url));
    send(
      reply,
      hostile
        ? invalid('path', 'must not hold ".." or NUL; use names of a-z, 0-9 and inner hyphens')
        : unknown('route', `nothing is served at ${request.method} ${request.url.slice(0, 200)}; see /openapi.json`),
    );
  });
  measure(app, deps);
  await describeApi(app);
  const routes = guard(app, { access: deps.catalog.access, authenticate: deps.authenticate, refusals: deps.refusals });
  onlyStorable(app);
  const routed = typed(app);
  for (const add of ROUTES) add(routed, deps);
  return { app, routes };
}

function send(reply: FastifyReply, error: unknown): Problem {
  const problem = problemOf(error);
  if (problem.status === 503) reply.header('retry-after', '2');
  if (problem.status === 401)
    reply.header(
      'www-authenticate',
      `Bearer realm="songhua"${problem.code === 'access.missing' ? '' : ', error="invalid_token"'}`,
    );
  // Headers that a route set for the file it meant to send do not describe the problem.
  for (const header of [
    'etag',
    'content-length',
    'content-disposition',
    'content-location',
    'accept-ranges',
    'last-modified',
  ])
    reply.removeHeader(header);
  reply
    .status(problem.status)
    .headers({ 'cache-control': 'no-store', 'content-type': 'application/problem+json; charset=utf-8' })
    .serializer(JSON.stringify)
    .send(problem);
  return problem;
}

function decode(url: string): string {
  try {
    return decodeURIComponent(url.split('?')[0] ?? '');
  } catch {
    return url;
  }
}

function measure(app: FastifyInstance, { metrics }: Deps): void {
  const seconds = new Histogram({
    name: 'songhua_http_request_seconds',
    help: 'Seconds to answer, by route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [metrics],
  });
  app.addHook('onResponse', async (request, reply) => {
    seconds.observe(
      { method: request.method, route: request.routeOptions.url ?? 'none', status: reply.statusCode },
      reply.elapsedTime / 1000,
    );
  });
}
