import type { Resource } from '@songhua/contracts';
import { newApiKey } from '@songhua/domain';
import type { Harness } from '../harness.js';
import { landSync, publishRows } from '../publish.js';

type Of<K extends Resource['kind']> = Extract<Resource, { kind: K }>;

/** Things of one department, of every kind that a route can name. */
export interface Things {
  department: string;
  dataset: string;
  connector: string;
  sync: string;
  /** Lets `sync` wait for a decision, again when it was decided. */
  hold(): Promise<void>;
  /** A published sync with rejected rows. */
  replayable: string;
  request: string;
  /** Its dataset and connector. */
  resources: [Of<'Dataset'>, Of<'Connector'>];
}

const apiVersion = 'songhua/v1';
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const resourcesOf = (department: string): Things['resources'] => [
  {
    apiVersion,
    kind: 'Dataset',
    metadata: { name: `${department}-data` },
    spec: {
      title: '数据',
      department,
      domain: 'society',
      frequency: 'DAILY',
      primaryKey: ['id'],
      schemaPolicy: 'hold',
      guards: { maxShrink: 0.5, maxRejected: 0.1 },
    },
  },
  {
    apiVersion,
    kind: 'Connector',
    metadata: { name: `${department}-data-files` },
    spec: { dataset: `${department}-data`, kind: 'file', mode: 'full', config: { path: 'a.csv' }, secrets: {} },
  },
];

/** A department with a published dataset, a connector, and a sync that is held with a rejected row. */
export async function createThings({ catalog, ...harness }: Harness, department: string): Promise<Things> {
  const resources = resourcesOf(department);
  const [dataset, connector] = resources;
  await catalog.estate.apply(
    [
      { apiVersion, kind: 'Department', metadata: { name: department }, spec: { title: department } },
      { apiVersion, kind: 'Domain', metadata: { name: 'society' }, spec: { title: '社会' } },
      dataset,
    ],
    'test',
  );
  await catalog.connectors.apply([connector], { name: 'test', mayApprove: true });
  await publishRows({ catalog, ...harness }, dataset.metadata.name, [[1, 'a']]);
  const rejected = { count: 1, byCode: { 'cell.type': 1 }, key: `quarantine/${department}` };
  const { source } = await publishRows({ catalog, ...harness }, dataset.metadata.name, [[1, 'b']], rejected);

  const [record] = await catalog.connectors.list({ names: [connector.metadata.name] });
  if (!record) throw new Error('the connector is not there');
  const by = { author: 'test', reason: 'it failed' };
  await catalog.connectors.step(record.name, { type: 'suspend' }, by);
  await catalog.connectors.step(record.name, { type: 'resume' }, by);
  const request = `${department}-request`;
  const [sync] = await catalog.syncs.enqueue([
    { connector: record, slot: `request:${request}`, full: false, traceparent: TRACEPARENT },
  ]);
  if (!sync) throw new Error('no sync was enqueued');
  await catalog.syncs.take('test', 1, 1, 60);
  await catalog.syncs.finish('test', [{ id: sync.id, attempt: 1, state: 'delivered', rows: 1, rejected: 1, bytes: 1 }]);
  await landSync(catalog, sync);
  const landed = { sync: sync.id, attempt: 1 };
  await catalog.refreshes.begin(landed);
  const reason = { code: 'guard.rejected', message: 'too many', actor: 'department', retryable: false } as const;
  const hold = () =>
    catalog.refreshes.finish(
      landed,
      { sync: sync.id, state: 'held', reason },
      { rejected: { count: 1, byCode: { 'row.fields': 1 } } },
    );
  await hold();
  return {
    department,
    dataset: dataset.metadata.name,
    connector: connector.metadata.name,
    sync: sync.id,
    hold,
    replayable: source.sync,
    request,
    resources,
  };
}

/** The id of a key that may be revoked or rotated without harm. */
export async function spareKey({ catalog }: Harness): Promise<string> {
  const made = newApiKey();
  await catalog.access.createKey(made, { title: 'spare', role: 'portal' }, 'test');
  return made.id;
}
