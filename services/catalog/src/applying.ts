import type { ApplyOptions } from '@songhua/catalog';
import {
  type Applied,
  appliedSchema,
  type ConnectorResource,
  type EstateResource,
  type Resource,
} from '@songhua/contracts';
import { ownOnly, type Principal, SonghuaError } from '@songhua/domain';
import type { Deps } from './deps.js';
import type { UpstreamAnswer } from './upstream.js';

const isConnector = (resource: Resource): resource is ConnectorResource => resource.kind === 'Connector';
const NOTHING: Applied = { created: 0, changed: 0, unchanged: 0, changes: [] };

/**
 * Applies resources, or tells what would change: departments, domains and datasets in one transaction here, then connectors by their
 * service. That one is asked first whether it would take them, so that a wrong connector stops everything before anything is changed.
 * A problem that the connector service tells is returned as it is. Datasets whose rules change are made anew by them, which the answer tells.
 */
export async function applyResources(
  { catalog, connectors, handover, store }: Pick<Deps, 'catalog' | 'connectors' | 'handover' | 'store'>,
  principal: Principal,
  resources: Resource[],
  options: ApplyOptions = {},
): Promise<Applied | UpstreamAnswer> {
  const own = resources.filter((resource): resource is EstateResource => !isConnector(resource));
  const theirs = resources.filter(isConnector);
  const datasets = own.filter(({ kind }) => kind === 'Dataset').map(({ metadata }) => metadata.name);
  const ask = async (dryRun: boolean): Promise<Applied | UpstreamAnswer> => {
    if (theirs.length === 0) return NOTHING;
    const body = { resources: theirs, datasets, dryRun, rollback: options.rollback ?? false };
    const answer = await connectors.as(principal).call('POST', '/connectors:apply', body);
    return answer.status === 200 ? parseApplied(answer) : answer;
  };
  const before = await ask(true);
  if ('status' in before) return before;
  // A store that does not answer keeps nobody from applying: who refreshes looks again.
  const kept = (landing: string): Promise<boolean> => store.stat(landing).then(Boolean, () => true);
  const here =
    own.length > 0
      ? await catalog.estate.apply(own, principal.id, { ...options, kept, of: ownOnly(principal, 'resource.change') })
      : { ...NOTHING, lanes: [] };
  await Promise.all(here.lanes.map((reference) => handover.give(reference)));
  // A failure between the two, which the first question makes unlikely, is mended by applying again.
  const there = options.dryRun ? before : await ask(false);
  if ('status' in there) return there;
  return {
    created: here.created + there.created,
    changed: here.changed + there.changed,
    unchanged: here.unchanged + there.unchanged,
    changes: [...here.changes, ...there.changes],
  };
}

function parseApplied({ body }: UpstreamAnswer): Applied {
  const parsed = appliedSchema.safeParse(JSON.parse(body));
  if (parsed.success) return parsed.data;
  throw new SonghuaError(
    'connector-service.answer',
    'the connector service gave an answer of another form; update both services',
  );
}
