import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Catalog, type ConnectorRecord, createCatalog } from '@songhua/catalog';
import { createTestDatabase } from '@songhua/catalog/testing';
import { keys, type Manifest, wireAttempt } from '@songhua/contracts';
import { canonicalJson } from '@songhua/domain';
import { createMinioStore, type ObjectStore } from '@songhua/object-store';

const apiVersion = 'songhua/v1';
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Databases and parts of a bucket of a test file's own, and a catalog with published versions in one of each. */
export interface World {
  databaseUrl: string;
  store: ObjectStore;
  catalog: Catalog;
  folder: string;
  /** Publishes a version of this content, from a landing, as landing and refresh would. */
  publish(content: string): Promise<Manifest>;
  /** Lands a sync whose refresh does not begin; the key of its only part. */
  land(content: string): Promise<string>;
  /** Another, empty place to restore to. */
  empty(): Promise<{ databaseUrl: string; store: ObjectStore }>;
  end(): Promise<void>;
}

const told = (name: string): string => process.env[`SONGHUA_TEST_${name}`] ?? '';

export async function createWorld(): Promise<World> {
  const ends: (() => Promise<unknown>)[] = [];
  const empty = async (): Promise<{ databaseUrl: string; store: ObjectStore }> => {
    const database = await createTestDatabase();
    const store = createMinioStore({
      endpoint: told('S3_ENDPOINT'),
      accessKey: told('S3_ACCESS_KEY'),
      secretKey: told('S3_SECRET_KEY'),
      bucket: 'songhua',
      prefix: `backup-test-${randomBytes(6).toString('hex')}/`,
    });
    await store.ensureBucket();
    ends.push(async () => {
      const all: string[] = [];
      for await (const { key } of store.list('')) all.push(key);
      await store.delete(all);
      await database.drop();
    });
    return { databaseUrl: database.url, store };
  };
  const { databaseUrl, store } = await empty();
  const catalog = createCatalog({ databaseUrl, poolSize: 2 });
  const connector = await register(catalog);
  const folder = mkdtempSync(join(tmpdir(), 'songhua-backup-'));
  let slots = 0;
  let last: Manifest | undefined;

  const landed = async (content: string) => {
    const slot = `slot-${++slots}`;
    await catalog.syncs.enqueue([{ connector, slot, full: false, traceparent }]);
    const [sync] = await catalog.syncs.take('reader', 1, 1, 60);
    if (!sync) throw new Error('nothing to take');
    const attempt = wireAttempt(sync.attempt, 1);
    const of = { sync: sync.id, attempt, traceparent };
    const part = keys.landingPart(sync.datasetId, of, 'rows.csv.gz');
    const { bytes, sha256 } = await store.put(part, Buffer.from(`landed ${content}`), 'application/gzip');
    const manifest = keys.landingManifest(sync.datasetId, of);
    const now = new Date().toISOString();
    const completed = {
      ...{ mode: 'full', scope: 'all', operations: false, reset: false, number: sync.number, batches: 1, details: 0 },
      ...{ rows: 1, rejected: 0, bytes, sha256, startedAt: now, completedAt: now },
    };
    const parts = [{ key: part, kind: 'rows', firstSequence: 0, lastSequence: 0, rows: 1, bytes, sha256 }];
    const { dataset, datasetId, id } = sync;
    const body = {
      schema: 'songhua.landing/2',
      dataset,
      datasetId,
      connector: connector.name,
      sync: id,
      attempt,
      traceparent,
    };
    await store.put(manifest, Buffer.from(JSON.stringify({ ...body, parts, completed })), 'application/json');
    const facts = { claim: sync.attempt, attempt, manifest, rows: 1, rejected: 0, bytes, content: sha256 };
    await catalog.syncs.land(sync.id, facts);
    return { sync, attempt, bytes, part };
  };

  return {
    databaseUrl,
    store,
    catalog,
    folder,
    empty,
    land: async (content) => (await landed(content)).part,
    async publish(content) {
      const { sync, attempt } = await landed(content);
      const { datasetId, dataset, id } = sync;
      await catalog.refreshes.begin({ sync: id, attempt });
      const version = (last?.version ?? 0) + 1;
      const key = keys.versionFile(datasetId, version, 'a', 'data.csv');
      const file = await store.put(key, Buffer.from(content), 'text/csv');
      const manifest: Manifest = {
        ...{ schema: 'songhua.manifest/1', dataset, datasetId, version, identity: `sha256:${hashOf(content)}` },
        previous: last ? { version: last.version, identity: last.identity } : null,
        columns: [{ name: 'id', type: 'integer', nullable: false }],
        ...{ primaryKey: ['id'], rows: 1, changes: { added: 1, changed: 0, removed: 0 }, cursor: { content } },
        counts: { read: 1, published: 1, unchanged: 0, deduplicated: 0, deleted: 0, withheld: 0, rejected: 0 },
        files: [{ name: 'data.csv', key, mediaType: 'text/csv', ...file }],
        source: { connector: connector.name, sync: id, number: sync.number, files: [], changedAt: null },
        ...{ createdAt: new Date().toISOString(), traceparent },
      };
      const place = keys.manifest(datasetId, version);
      await store.put(place, Buffer.from(canonicalJson(manifest)), 'application/json');
      await catalog.refreshes.publish(manifest, place, { count: 0, byCode: {} });
      last = manifest;
      return manifest;
    },
    async end() {
      await catalog.close();
      for (const one of ends) await one();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function register(catalog: Catalog): Promise<ConnectorRecord> {
  const spec = {
    title: '水质',
    department: 'water-bureau',
    domain: 'water',
    frequency: 'DAILY',
    primaryKey: ['id'],
  } as const;
  await catalog.estate.apply(
    [
      { apiVersion, kind: 'Department', metadata: { name: 'water-bureau' }, spec: { title: '水务局' } },
      { apiVersion, kind: 'Domain', metadata: { name: 'water' }, spec: { title: '水务' } },
      {
        apiVersion,
        kind: 'Dataset',
        metadata: { name: 'quality' },
        spec: { ...spec, primaryKey: ['id'], schemaPolicy: 'hold', guards: { maxShrink: 0.5, maxRejected: 0.1 } },
      },
    ],
    'test',
  );
  const secrets = { token: { value: 'sealed1.k1.wrapped.data' } };
  const connector = { dataset: 'quality', kind: 'file', mode: 'full', config: { path: 'a.csv' }, secrets } as const;
  await catalog.connectors.apply([{ apiVersion, kind: 'Connector', metadata: { name: 'quality' }, spec: connector }], {
    name: 'test',
    mayApprove: true,
  });
  const [registered] = await catalog.connectors.list({});
  if (!registered) throw new Error('no connector');
  return registered;
}
