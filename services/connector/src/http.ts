import type { ConnectorCatalog } from '@songhua/catalog/connector';
import type { ConnectorKinds } from '@songhua/connectors';
import { problemOf, syncRequestSchema } from '@songhua/contracts';
import { type AskReadiness, answerReadiness, type Logger, type Registry } from '@songhua/runtime';
import { type FastifyInstance, fastify } from 'fastify';
import { z } from 'zod';
import { ingestRoutes } from './ingest.js';
import { internalOnly } from './internal.js';
import { parse } from './parse.js';
import { registeringRoutes } from './registering.js';
import { requestSyncs } from './requests.js';
import { type Trials, trialSchema } from './trials/trials.js';
import type { Vault } from './vault.js';

export interface HttpDeps {
  catalog: ConnectorCatalog;
  kinds: ConnectorKinds;
  trials: Trials;
  vault: Vault;
  /** Opens everything but health and metrics. */
  internalToken: string;
  metrics: Registry;
  logger: Logger;
  ready: AskReadiness;
  /** Something was enqueued. */
  wake(): void;
  /** Connectors were changed. */
  reload(): Promise<void>;
}

// A city's connectors in one call are about 300 KB.
const BODY_LIMIT = 32 * 1024 * 1024;

/** The connector service's internal HTTP interface, used by the catalog service. Errors are RFC 9457 problem details. */
export function createHttp(deps: HttpDeps): FastifyInstance {
  const { catalog, trials } = deps;
  const app = fastify({ logger: false, bodyLimit: BODY_LIMIT, forceCloseConnections: true });

  internalOnly(app, deps.internalToken);
  app.setErrorHandler(async (error, _request, reply) => {
    const problem = problemOf(error);
    if (problem.status >= 500) deps.logger.error({ err: error }, 'request failed');
    await reply.status(problem.status).type('application/problem+json').send(problem);
  });

  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async ({ url }, reply) => {
    const { status, readiness } = await answerReadiness(deps.ready, url);
    return reply.status(status).send(readiness);
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type(deps.metrics.contentType).send(await deps.metrics.metrics()),
  );

  registeringRoutes(app, deps);
  ingestRoutes(app, deps);
  // A doubled colon is a colon in the path; a single one would start a parameter.
  app.post('/syncs', async (request, reply) => {
    const accepted = await requestSyncs(catalog, parse(syncRequestSchema, request.body), request.principal.id);
    deps.wake();
    return reply.status(202).send(accepted);
  });
  app.post('/secrets::rotate', async ({ principal }) => {
    const rotated = await deps.vault.rotate();
    await catalog.audit.append(principal.id, 'secret.rotate', 'Secrets', { ...rotated });
    return rotated;
  });
  app.get('/connectors::kinds', async () =>
    deps.kinds.list().map(({ kind, title, configSchema }) => ({
      kind,
      title,
      config: z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }),
    })),
  );
  const tries = { test: trials.test, discover: trials.discover, preview: trials.preview, 'dry-run': trials.dryRun };
  for (const [action, attempt] of Object.entries(tries))
    app.post(`/connectors::${action}`, async ({ body, principal }) => attempt(parse(trialSchema, body), principal));

  return app;
}
