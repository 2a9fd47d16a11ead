import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Connector } from '@songhua/connector-sdk';
import { testConnector } from '@songhua/connector-sdk/conformance';
import { Client } from 'minio';
import { createNetwork, createS3Connector } from '../src/index.js';
import { endOf, LOOPBACK, type ReadOnceOptions, readOnce, rowsOf, typesOf } from './reading.js';
import { testSoftDelete } from './soft-delete-suite.js';

const endpoint = process.env.SONGHUA_TEST_S3_ENDPOINT ?? '';
const accessKey = process.env.SONGHUA_TEST_S3_ACCESS_KEY ?? '';
const secretKey = process.env.SONGHUA_TEST_S3_SECRET_KEY ?? '';
const bucket = `department-${randomBytes(6).toString('hex')}`;
const secrets = { accessKey, secretKey };

const { hostname, port } = new URL(endpoint || 'http://unset');
const server = new Client({ endPoint: hostname, port: Number(port), useSSL: false, accessKey, secretKey });
const put = (key: string, text: string) => server.putObject(bucket, key, Buffer.from(text));
beforeAll(() => server.makeBucket(bucket));
afterAll(async () => {
  for await (const { name } of server.listObjectsV2(bucket, '', true)) await server.removeObject(bucket, name);
  await server.removeBucket(bucket);
});

const connector = createS3Connector();
const read = (path: string, options: ReadOnceOptions = {}, more: object = {}) =>
  readOnce(connector, { endpoint, bucket, path, ...more }, { secrets, ...options });

const fixture = async () => ({
  connector: connector as Connector,
  config: { endpoint, bucket, path: 'conformance/source.csv' },
  secrets,
  network: LOOPBACK,
  write: async (csv: string) => {
    await put('conformance/source.csv', csv);
  },
  remove: () => server.removeObject(bucket, 'conformance/source.csv'),
  close: async () => undefined,
});
testConnector(fixture);
testSoftDelete(fixture);

describe('objects of a bucket', () => {
  test('a glob names objects across folders, and only new and changed ones are read in append mode', async () => {
    await put('in/2024/a.csv', 'id,v\n1,a\n');
    await put('in/2025/a.csv', 'id,v\n2,b\n');
    await put('in/readme.txt', 'nothing');
    const first = await read('in/**/*.csv', { mode: 'append' });
    expect(rowsOf(first).map(([id]) => id)).toEqual(['1', '2']);
    const { cursor } = endOf(first);
    await put('in/2025/b.csv', 'id,v\n3,c\n');
    await put('in/2024/a.csv', 'id,v\n1,z\n');
    expect(rowsOf(await read('in/**/*.csv', { mode: 'append', cursor }))).toEqual([
      ['1', 'z'],
      ['3', 'c'],
    ]);
  });

  test('an object that is gone takes its rows with it in full mode only', async () => {
    await put('gone/a.csv', 'id\n1\n');
    await put('gone/b.csv', 'id\n2\n');
    const { cursor } = endOf(await read('gone/*.csv'));
    await server.removeObject(bucket, 'gone/b.csv');
    expect(rowsOf(await read('gone/*.csv', { cursor }))).toEqual([['1']]);
    expect(typesOf(await read('gone/*.csv', { cursor, mode: 'append' }))).toEqual(['unchanged']);
  });
});

describe('who is to blame', () => {
  test.each([
    ['a bucket that is not there', { bucket: 'no-such-bucket-anywhere' }, secrets, 'source.missing'],
    ['keys that are not accepted', {}, { accessKey: 'nobody', secretKey: 'canary-secret' }, 'source.denied'],
    ['no keys for a private bucket', {}, {}, 'source.denied'],
    ['a service that is not there', { endpoint: 'http://127.0.0.1:1' }, secrets, 'source.unreachable'],
  ])('%s is told without showing a secret', async (_, more, given, code) => {
    await expect(read('in/*.csv', { secrets: given as Record<string, string> }, more)).rejects.toMatchObject({
      code,
      actor: 'department',
      message: expect.not.stringContaining('canary'),
    });
  });

  test('an internal endpoint is not reached unless the operator allows it', async () => {
    await expect(read('in/*.csv', { network: createNetwork({ allowed: [] }) })).rejects.toMatchObject({
      code: 'connector.address-refused',
    });
    await expect(
      read('in/*.csv', { network: createNetwork({ allowed: [] }) }, { endpoint: `http://localhost:${port}` }),
    ).rejects.toMatchObject({ code: 'connector.address-refused' });
  });
});
