import { type LaneReference, type Manifest, type Resource, wireAttempt } from '@songhua/contracts';
import { datasetId } from '@songhua/domain';
import pg from 'pg';
import {
  type Catalog,
  type ConnectorRecord,
  createCatalog,
  type RejectedSummary,
  type SyncRecord,
  type SyncResult,
} from '../src/index.js';
import { createTestDatabase, type TestDatabase } from '../src/testing.js';

export const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
export const OPERATOR = { name: 'test', mayApprove: true };
export const NO_REJECTED: RejectedSummary = { count: 0, byCode: {} };

const apiVersion = 'songhua/v1';

/** Departments `bureau-0…`, one domain, datasets `data-0…` spread over the departments, a connector `data-N-files` for each. */
export async function applyEstate(catalog: Catalog, datasets: number, departments = 1): Promise<ConnectorRecord[]> {
  const resources: Exclude<Resource, { kind: 'Connector' }>[] = [
    { apiVersion, kind: 'Domain', metadata: { name: 'health' }, spec: { title: '卫生健康' } },
  ];
  for (let i = 0; i < departments; i++)
    resources.push({ apiVersion, kind: 'Department', metadata: { name: `bureau-${i}` }, spec: { title: `局 ${i}` } });
  for (let i = 0; i < datasets; i++)
    resources.push({
      apiVersion,
      kind: 'Dataset',
      metadata: { name: `data-${i}` },
      spec: {
        title: `数据 ${i}`,
        department: `bureau-${i % departments}`,
        domain: 'health',
        frequency: 'DAILY',
        primaryKey: ['id'],
        schemaPolicy: 'hold',
        guards: { maxShrink: 0.5, maxRejected: 0.1 },
      },
    });
  await catalog.estate.apply(resources, 'test');
  await catalog.connectors.apply(
    Array.from({ length: datasets }, (_, i) => ({
      apiVersion,
      kind: 'Connector',
      metadata: { name: `data-${i}-files` },
      spec: { dataset: `data-${i}`, kind: 'file', mode: 'full', config: { path: `data-${i}.csv` }, secrets: {} },
    })),
    OPERATOR,
  );
  return catalog.connectors.list({});
}

export interface World {
  /** A new database with one dataset and its connector, in place of the one before. */
  fresh(): Promise<{ catalog: Catalog; connector: ConnectorRecord; databaseUrl: string }>;
  end(): Promise<void>;
}

export function createWorld(poolSize: number): World {
  let database: TestDatabase | undefined;
  let catalog: Catalog | undefined;
  const end = async (): Promise<void> => {
    await catalog?.close();
    await database?.drop();
  };
  return {
    async fresh() {
      await end();
      database = await createTestDatabase();
      catalog = createCatalog({ databaseUrl: database.url, poolSize });
      const [connector] = await applyEstate(catalog, 1);
      return { catalog, connector: connector as ConnectorRecord, databaseUrl: database.url };
    },
    end,
  };
}

/** What one statement answers, past the repositories: as somebody with the database's password asks. */
export async function rowsOf<T extends pg.QueryResultRow>(
  databaseUrl: string,
  sql: string,
  values: unknown[] = [],
): Promise<T[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<T>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

export const enqueue = (catalog: Catalog, connectors: ConnectorRecord[], slot: string): Promise<SyncRecord[]> =>
  catalog.syncs.enqueue(connectors.map((connector) => ({ connector, slot, full: false, traceparent: TRACEPARENT })));

export const result = (sync: SyncRecord, state: SyncResult['state'], more: Partial<SyncResult> = {}): SyncResult => ({
  id: sync.id,
  attempt: sync.attempt,
  state,
  rows: 0,
  rejected: 0,
  bytes: 0,
  ...more,
});

/** What the lane of a sync is told. */
export const landed = (sync: SyncRecord): LaneReference => ({
  datasetId: sync.datasetId,
  sync: sync.id,
  attempt: wireAttempt(sync.attempt, 1),
  bytes: 10,
});

/** Lands what was read of `sync`. */
export const land = (catalog: Catalog, sync: SyncRecord, content = sync.id, traceparent = sync.traceparent) =>
  catalog.syncs.land(sync.id, {
    traceparent,
    claim: sync.attempt,
    attempt: wireAttempt(sync.attempt, 1),
    manifest: `landing/${sync.datasetId}/${sync.id}/${sync.attempt}/manifest.json`,
    rows: 1,
    rejected: 0,
    bytes: 10,
    content,
  });

/** Enqueues, takes, delivers and lands one sync of `connector`. */
export async function deliver(
  catalog: Catalog,
  connector: ConnectorRecord,
  slot: string,
  content?: string,
): Promise<SyncRecord> {
  await enqueue(catalog, [connector], slot);
  for (;;) {
    const [sync] = await catalog.syncs.take('reader', 1, 1, 60);
    if (!sync) throw new Error(`no sync of ${connector.name} to take for ${slot}`);
    await catalog.syncs.finish('reader', [result(sync, 'delivered', { rows: 1, bytes: 10 })]);
    await land(catalog, sync, content);
    if (sync.connector === connector.name && sync.slot === slot) return sync;
  }
}

const hex = (seed: string): string => Buffer.from(seed).toString('hex').padEnd(64, '0').slice(0, 64);

export function manifestOf(
  sync: SyncRecord,
  version: number,
  options: { content: string; previous?: { version: number; content: string }; cursor?: Record<string, unknown> },
): Manifest {
  const files = datasetId(sync.dataset);
  return {
    schema: 'songhua.manifest/1',
    dataset: sync.dataset,
    datasetId: sync.datasetId,
    version,
    identity: `sha256:${hex(options.content)}`,
    previous: options.previous
      ? { version: options.previous.version, identity: `sha256:${hex(options.previous.content)}` }
      : null,
    columns: [{ name: 'id', type: 'integer', nullable: false }],
    primaryKey: ['id'],
    rows: 10,
    counts: { read: 10, published: 10, unchanged: 0, deduplicated: 0, deleted: 0, withheld: 0, rejected: 0 },
    changes: { added: 10, changed: 0, removed: 0 },
    files: [
      {
        name: 'data.parquet',
        key: `datasets/${files}/versions/${version}/${options.content}/data.parquet`,
        mediaType: 'application/vnd.apache.parquet',
        bytes: 100,
        sha256: hex(options.content),
      },
    ],
    source: { connector: sync.connector, sync: sync.id, number: sync.number, files: [], changedAt: null },
    cursor: options.cursor ?? { content: options.content },
    createdAt: '2026-11-23T03:00:00.000Z',
    traceparent: TRACEPARENT,
  };
}

export const manifestKey = (manifest: Manifest): string =>
  `datasets/${manifest.datasetId}/versions/${manifest.version}/manifest.json`;

/** Delivers a sync and publishes `content` from it. */
export async function publish(
  catalog: Catalog,
  connector: ConnectorRecord,
  slot: string,
  version: number,
  content: string,
  previous?: { version: number; content: string },
  changedAt: string | null = null,
): Promise<SyncRecord> {
  const sync = await deliver(catalog, connector, slot);
  await catalog.refreshes.begin(landed(sync));
  const manifest = manifestOf(sync, version, previous ? { content, previous } : { content });
  manifest.source.changedAt = changedAt;
  await catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED);
  return sync;
}
