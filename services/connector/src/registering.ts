import type { ConnectorRecord } from '@songhua/catalog';
import type { ConnectorCatalog } from '@songhua/catalog/connector';
import type { ConnectorKinds } from '@songhua/connectors';
import { type ConnectorLife, type ConnectorResource, lifecycleRequestSchema, resourceSchema } from '@songhua/contracts';
import { authorOf, type LifecycleEvent, ownOnly, reasonOf, SonghuaError } from '@songhua/domain';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { fullConfig } from './configs.js';
import { parse } from './parse.js';
import { kindOf } from './run-sync.js';
import { checkSchedule } from './slots.js';
import type { Vault } from './vault.js';

export interface RegisteringDeps {
  catalog: Pick<ConnectorCatalog, 'connectors'>;
  kinds: ConnectorKinds;
  vault: Vault;
  /** Connectors were changed. */
  reload(): Promise<void>;
}

const applySchema = z.strictObject({
  resources: z.array(
    resourceSchema.refine(
      (resource): resource is ConnectorResource => resource.kind === 'Connector',
      'this service takes resources of kind Connector only',
    ),
  ),
  /** Datasets of the same call that come before the connectors, so that on a dry run they may be named already. */
  datasets: z.array(z.string()).default([]),
  dryRun: z.boolean().default(false),
  rollback: z.boolean().default(false),
});
const named = z.object({ name: z.string() });
const STEPS = ['submit', 'approve', 'refuse', 'pause', 'resume', 'retire'] as const;

/** Connectors are applied, go through the steps of their life, and are deleted. */
export function registeringRoutes(app: FastifyInstance, deps: RegisteringDeps): void {
  const { connectors } = deps.catalog;

  // A doubled colon is a colon in the path; a single one would start a parameter.
  app.post('/connectors::apply', async (request) => {
    const { resources, ...options } = parse(applySchema, request.body);
    const author = authorOf(request.principal);
    const checked = resources.map((resource) => checkConnector(deps.kinds, resource as ConnectorResource));
    const kept = await Promise.all(checked.map((resource) => deps.vault.keep(resource, author)));
    const of = ownOnly(request.principal, 'resource.change');
    const applied = await connectors.apply(kept, author, { ...options, of });
    if (!options.dryRun) await deps.reload();
    return applied;
  });

  const change = async (params: unknown, work: (name: string) => Promise<boolean>): Promise<string> => {
    const { name } = parse(named, params);
    if (!(await work(name)))
      throw new SonghuaError('connector.unknown', `no connector is named ${name}; see "songhua connectors list"`, {
        actor: 'department',
      });
    await deps.reload();
    return name;
  };
  for (const type of STEPS)
    app.post(`/connectors/:name/${type}`, async (request) => {
      const { reason, revision } = parse(lifecycleRequestSchema, request.body ?? {});
      const author = authorOf(request.principal);
      const judging = type === 'approve' || type === 'refuse';
      if (judging && !author.mayApprove)
        throw new SonghuaError('access.forbidden', `${author.name} may not ${type} changes; ask a reviewer`, {
          actor: 'department',
        });
      const event: Exclude<LifecycleEvent, { type: 'apply' }> = judging ? { type, revision } : { type };
      const name = await change(request.params, (one) =>
        connectors.step(one, event, { author: author.name, ...(reason !== undefined && { reason }) }),
      );
      const now = await connectors.get(name);
      return now && lifeShown(now);
    });
  app.delete('/connectors/:name', async (request) => ({
    name: await change(request.params, (one) => connectors.delete(one, authorOf(request.principal).name)),
  }));
}

const lifeShown = ({ name, state, revision, approved, proposal, remark }: ConnectorRecord): ConnectorLife => ({
  name,
  state,
  revision,
  approved,
  proposal,
  remark,
});

/** With the defaults of its kind filled in. Throws what keeps a connector from ever running, naming it. */
function checkConnector(kinds: ConnectorKinds, resource: ConnectorResource): ConnectorResource {
  const { metadata, spec } = resource;
  try {
    const config = fullConfig(kindOf(kinds, spec.kind), spec.config);
    if (spec.schedule) checkSchedule(spec.schedule);
    return { ...resource, spec: { ...spec, config } };
  } catch (error) {
    const { code, message } = reasonOf(error);
    throw new SonghuaError(code, `Connector/${metadata.name}: ${message}`, {
      actor: 'department',
      cause: error,
      details: { errors: [{ path: `Connector/${metadata.name} spec`, message }] },
    });
  }
}
