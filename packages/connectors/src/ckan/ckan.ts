import {
  type Connector,
  type ReadContext,
  readingFor,
  type SourceMessage,
  type StreamInfo,
  streamsOf,
  withDeletions,
} from '@songhua/connector-sdk';
import { nameColumns } from '@songhua/formats';
import { type CkanConfig, ckanConfigSchema } from './config.js';
import { fetchPages, readDatastore } from './datastore.js';
import { fetchFile, readFileOf } from './file.js';
import { openPortal, type Portal } from './portal.js';
import { chooseResource } from './resource.js';

/** Harvests a resource of another CKAN portal. Secret: `token`, an API token of the portal, where it does not show the dataset to all. */
export function createCkanConnector(): Connector<CkanConfig> {
  return {
    kind: 'ckan',
    title: { zh: 'CKAN 门户', en: 'CKAN portal' },
    configSchema: ckanConfigSchema,
    async test(context) {
      const [stream] = await discover(context);
      return { message: `${stream?.name ?? ''}: ${stream?.columns.length ?? 0} columns` };
    },
    discover,
    read: (context) => withDeletions(context, read(context)),
  };
}

async function* read(context: ReadContext<CkanConfig>): AsyncGenerator<SourceMessage> {
  const portal = openPortal(context);
  try {
    const { config } = context;
    const resource = chooseResource(await portal.dataset(), config.resource);
    yield* config.datastore ? readDatastore(context, portal, resource) : readFileOf(context, portal, resource);
  } finally {
    await portal.close();
  }
}

async function discover(context: ReadContext<CkanConfig>): Promise<StreamInfo[]> {
  const portal = openPortal(context);
  try {
    return await streamsAt(context, portal);
  } finally {
    await portal.close();
  }
}

async function streamsAt(context: ReadContext<CkanConfig>, portal: Portal): Promise<StreamInfo[]> {
  const { config } = context;
  const resource = chooseResource(await portal.dataset(), config.resource);
  if (config.datastore) {
    const { fields, total } = await fetchPages(context, portal, resource, 1);
    const columns = nameColumns(fields.filter((field) => field !== '_id'));
    return [{ name: resource.name || resource.id, columns, rowsEstimate: total }];
  }
  const { path, name } = await fetchFile(context, portal, { resource });
  return streamsOf([{ name, path }], readingFor(context));
}
