import type { ConnectorResource, Resource } from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { readResources } from '../resources/read.js';

type DatasetResource = Extract<Resource, { kind: 'Dataset' }>;

/** What is tried: a registered connector, or one of a file with its dataset, if that is in the file. */
export interface Tried {
  body: { name: string } | { resource: ConnectorResource; dataset?: DatasetResource };
  resource?: ConnectorResource;
  dataset?: DatasetResource;
}

/** Throws `usage.connector` when it is not clear which connector is meant. */
export async function triedOf(name: string | undefined, files: readonly string[] | undefined): Promise<Tried> {
  if (files === undefined) {
    if (name !== undefined) return { body: { name } };
    throw usage('name a connector, or give -f FILE with one');
  }
  const { resources } = await readResources(files);
  const shown = files.join(', ');
  const connectors = resources.filter((one): one is ConnectorResource => one.kind === 'Connector');
  const names = connectors.map(({ metadata }) => metadata.name);
  const resource = name === undefined ? connectors[0] : connectors.find(({ metadata }) => metadata.name === name);
  if (!resource)
    throw usage(
      `${shown} holds no Connector${name === undefined ? '' : ` ${name}`}${names.length > 0 ? `, but ${names.join(', ')}` : ''}`,
    );
  if (name === undefined && connectors.length > 1)
    throw usage(`${shown} holds ${connectors.length} connectors; name one: ${names.slice(0, 20).join(', ')}`);
  const dataset = resources.find(
    (one): one is DatasetResource => one.kind === 'Dataset' && one.metadata.name === resource.spec.dataset,
  );
  return { body: { resource, ...(dataset && { dataset }) }, resource, ...(dataset && { dataset }) };
}

const usage = (message: string): SonghuaError => new SonghuaError('usage.connector', message, { actor: 'department' });
