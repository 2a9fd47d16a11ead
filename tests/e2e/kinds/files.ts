import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startSshd } from '@songhua/connectors/testing';
import { Client } from 'minio';
import { type StartSources, tableFor, toCsv } from './source.js';

/** Files of the connector's own machine. */
export const files: StartSources = async ({ folder, document }) => {
  const table = tableFor(document);
  await writeFile(join(folder, 'source-1.csv'), toCsv({ ...table, rows: table.rows.slice(0, 20) }));
  await writeFile(join(folder, 'source-2.csv'), toCsv({ ...table, rows: table.rows.slice(20) }));
  const source = {
    kind: 'file',
    title: 'a glob over two files',
    config: { path: join(folder, 'source-*.csv') },
    secrets: {},
    table,
  };
  return { sources: [source], stop: async () => undefined };
};

/** What a department sends, in two files that add up. */
export const push: StartSources = async (context) => {
  const { sources, stop } = await files(context);
  const [source] = sources;
  if (!source) throw new Error('no files were written');
  return { sources: [{ ...source, kind: 'push', title: 'two files', mode: 'merge', config: {} }], stop };
};

/** OpenSSH. */
export const sftp: StartSources = async ({ document }) => {
  const server = await startSshd();
  const table = tableFor(document);
  await mkdir(join(server.folder, 'outbox'));
  await writeFile(join(server.folder, 'outbox/source-1.csv'), toCsv({ ...table, rows: table.rows.slice(0, 20) }));
  await writeFile(join(server.folder, 'outbox/source-2.csv'), toCsv({ ...table, rows: table.rows.slice(20) }));
  const { host, port, hostKey, username, privateKey } = server;
  const source = {
    kind: 'sftp',
    title: 'a glob over two files, by key',
    config: { host, hostKey, path: join(server.folder, 'outbox/source-*.csv') },
    more: { port },
    secrets: { username, privateKey },
    table,
  };
  return { sources: [source], stop: () => server.stop() };
};

/** The tests' object store, as a department's own. */
export const s3: StartSources = async ({ document }) => {
  const endpoint = process.env.SONGHUA_TEST_S3_ENDPOINT ?? '';
  const accessKey = process.env.SONGHUA_TEST_S3_ACCESS_KEY ?? '';
  const secretKey = process.env.SONGHUA_TEST_S3_SECRET_KEY ?? '';
  const { hostname, port } = new URL(endpoint);
  const client = new Client({ endPoint: hostname, port: Number(port), useSSL: false, accessKey, secretKey });
  const bucket = `department-${randomBytes(6).toString('hex')}`;
  const table = tableFor(document);
  const keys = ['arrivals/2024/1.csv', 'arrivals/2025/1.csv'];
  await client.makeBucket(bucket);
  await client.putObject(bucket, keys[0] ?? '', toCsv({ ...table, rows: table.rows.slice(0, 20) }));
  await client.putObject(bucket, keys[1] ?? '', toCsv({ ...table, rows: table.rows.slice(20) }));
  const source = {
    kind: 's3',
    title: 'objects across folders',
    config: { endpoint, bucket, path: 'arrivals/**/*.csv' },
    secrets: { accessKey, secretKey },
    table,
  };
  return {
    sources: [source],
    stop: async () => {
      await client.removeObjects(bucket, keys);
      await client.removeBucket(bucket);
    },
  };
};
