import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Catalog, RejectedSummary, SyncRecord, VersionDetail } from '@songhua/catalog';
import { keys, type Manifest, type Resource } from '@songhua/contracts';
import { commitManifest, uploadVerified } from '@songhua/object-store';
import { createTables, linesOf } from '@songhua/tables';
import type { Harness } from './harness.js';

const apiVersion = 'songhua/v1';
const OPERATOR = { name: 'test', mayApprove: true };
export const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

export const department: Resource = {
  apiVersion,
  kind: 'Department',
  metadata: { name: 'education-bureau' },
  spec: { title: '教育局' },
};
export const domain: Resource = {
  apiVersion,
  kind: 'Domain',
  metadata: { name: 'education' },
  spec: { title: '教育' },
};
export const dataset = (name: string, title = '录取分数线'): Resource => ({
  apiVersion,
  kind: 'Dataset',
  metadata: { name },
  spec: {
    title,
    department: 'education-bureau',
    domain: 'education',
    frequency: 'DAILY',
    primaryKey: ['id'],
    schemaPolicy: 'hold',
    guards: { maxShrink: 0.5, maxRejected: 0.1 },
  },
});
export const connector = (name: string): Extract<Resource, { kind: 'Connector' }> => ({
  apiVersion,
  kind: 'Connector',
  metadata: { name: `${name}-files` },
  spec: {
    dataset: name,
    kind: 'file',
    mode: 'full',
    config: { path: 'a.csv' },
    secrets: { token: { value: 'sealed1.k.canary.secret' } },
  },
});

/** Registers a dataset with its connector, as the two services would. */
export async function register({ catalog }: Harness, name: string): Promise<void> {
  const own = [department, domain, dataset(name)] as Exclude<Resource, { kind: 'Connector' }>[];
  await catalog.estate.apply(own, 'test');
  await catalog.connectors.apply([connector(name)], OPERATOR);
}

/** Lands one row of `sync`, as the landing service would. */
export const landSync = ({ syncs }: Catalog, { id, datasetId, traceparent }: SyncRecord) =>
  syncs.land(id, {
    claim: 1,
    attempt: 1,
    manifest: keys.landingManifest(datasetId, { sync: id, attempt: 1, traceparent }),
    rows: 1,
    rejected: 0,
    bytes: 1,
    content: id,
  });

/** Publishes rows `id,name` as the refresh service would: normalize, upload verified, manifest, one transaction. */
export async function publishRows(
  harness: Harness,
  name: string,
  rows: [number, string][],
  rejected: RejectedSummary = { count: 0, byCode: {} },
): Promise<Manifest> {
  const { catalog, store } = harness;
  const [record] = await catalog.connectors.list({ names: [`${name}-files`] });
  if (!record) throw new Error(`${name} is not registered`);
  const slot = `request:${Math.random()}`;
  await catalog.syncs.enqueue([{ connector: record, slot, full: false, traceparent }]);
  const [sync] = await catalog.syncs.take('test', 1, 1, 60);
  if (!sync) throw new Error('no sync to take');
  await catalog.syncs.finish('test', [
    { id: sync.id, attempt: 1, state: 'delivered', rows: rows.length, rejected: 0, bytes: 1 },
  ]);
  await landSync(catalog, sync);
  const { current } = await catalog.refreshes.begin({ sync: sync.id, attempt: 1 });
  const previous = (await catalog.estate.version(name, 'latest')) as VersionDetail | undefined;

  const folder = await mkdtemp(join(harness.tempDirectory, 'publish-'));
  const tables = createTables({ memoryMb: 128, threads: 1, tempDirectory: folder });
  try {
    const part = join(folder, 'part.csv.gz');
    await writeFile(part, gzipSync(rows.map((row) => `${row.join(',')}\n`).join('')));
    const before = previous?.files.find((file) => file.name === 'data.parquet');
    if (before) await store.download(before.key, join(folder, 'previous.parquet'));
    const result = await tables.normalize({
      parts: [part],
      columns: ['id', 'name'].map((column) => ({ name: column, source: column })),
      files: [],
      lines: linesOf([]),
      rows: rows.length,
      readerRejected: 0,
      mode: 'full',
      scope: 'all',
      operations: false,
      reset: false,
      primaryKey: ['id'],
      schemaPolicy: 'hold',
      maxRejected: 0.1,
      maxShrink: 1,
      overrides: [],
      ...(previous && {
        previous: {
          schema: previous.schema,
          identity: previous.identity,
          rows: previous.rows,
          parquet: join(folder, 'previous.parquet'),
        },
      }),
      out: await mkdtemp(join(folder, 'out-')),
    });
    const version = (current?.version ?? 0) + 1;
    const files = await Promise.all(
      result.files.map((file) =>
        uploadVerified(store, { ...file, key: keys.versionFile(sync.datasetId, version, sync.id, file.name) }),
      ),
    );
    const manifest: Manifest = {
      schema: 'songhua.manifest/1',
      dataset: name,
      datasetId: sync.datasetId,
      version,
      identity: result.identity,
      previous: current && { version: current.version, identity: current.identity },
      columns: result.schema.columns,
      primaryKey: result.schema.primaryKey,
      rows: result.rows,
      counts: result.counts,
      changes: result.changes,
      files,
      source: { connector: sync.connector, sync: sync.id, number: sync.number, files: [], changedAt: null },
      cursor: {},
      createdAt: new Date().toISOString(),
      traceparent,
    };
    await commitManifest(store, manifest);
    await catalog.refreshes.publish(manifest, keys.manifest(sync.datasetId, version), rejected);
    return manifest;
  } finally {
    await tables.close();
    await rm(folder, { recursive: true, force: true });
  }
}
