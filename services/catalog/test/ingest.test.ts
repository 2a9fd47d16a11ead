import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { IngestAnswer, Problem, Push } from '@songhua/contracts';
import { type Harness, startHarness } from './harness.js';

const MOST_BYTES = 1024 * 1024;
const apiVersion = 'songhua/v1';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ SONGHUA_PUSH_MAX_BYTES: String(MOST_BYTES) });
  const department = (name: string) =>
    ({ apiVersion, kind: 'Department', metadata: { name }, spec: { title: name } }) as const;
  await harness.catalog.estate.apply(
    [
      department('education'),
      department('health'),
      { apiVersion, kind: 'Domain', metadata: { name: 'science' }, spec: { title: '教育科技' } },
      {
        apiVersion,
        kind: 'Dataset',
        metadata: { name: 'scores' },
        spec: {
          title: '分数线',
          department: 'education',
          domain: 'science',
          frequency: 'DAILY',
          primaryKey: ['id'],
          schemaPolicy: 'hold',
          guards: { maxShrink: 0.5, maxRejected: 0.1 },
        },
      },
    ],
    'test',
  );
  const connector = (name: string, kind: string, config: Record<string, unknown>) => ({
    apiVersion,
    kind: 'Connector' as const,
    metadata: { name },
    spec: { dataset: 'scores', kind, mode: 'append' as const, config, secrets: {} },
  });
  await harness.catalog.connectors.apply(
    [connector('scores-push', 'push', {}), connector('scores-files', 'file', { path: 'a.csv' })] as never,
    { name: 'test', mayApprove: true },
  );
});
afterAll(() => harness.stop());
beforeEach(() => {
  harness.connector.asked.length = 0;
});

/** What the connector service answers that takes everything. */
const takes = (objectKey: () => string) => {
  Object.defineProperty(harness.connector, 'answer', {
    configurable: true,
    get: () => ({ status: 202, body: { sync: 'sy_1', request: 'push-1', objectKey: objectKey() } }),
  });
};
const asked = (): Push => harness.connector.asked.at(-1)?.body as Push;
const push = async (body: string | Buffer | undefined, headers: Record<string, string> = {}, path = 'scores-push') => {
  const response = await fetch(`${harness.url}/api/v1/ingest/${path}`, {
    method: 'POST',
    headers: { ...harness.operator, 'idempotency-key': 'k1', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as IngestAnswer & Problem,
  };
};
const stored = async (): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of harness.store.list('ingest/')) keys.push(key);
  return keys;
};
const leftovers = async () =>
  (await readdir(join(harness.tempDirectory, 'a'), { recursive: true })).filter((name) => name.includes('push-'));

test('the content is in the object store, to the byte, before the connector service hears of it', async () => {
  takes(() => asked().objectKey);
  const content = gzipSync(randomBytes(300_000));
  const sha256 = createHash('sha256').update(content).digest('hex');
  const { status, headers, body } = await push(content, {
    'content-type': 'text/csv',
    'content-disposition': `attachment; filename="x.csv"; filename*=UTF-8''..%2F%E5%88%86%E6%95%B0.csv.gz`,
  });
  expect(status).toBe(202);
  expect(body).toMatchObject({
    sync: 'sy_1',
    url: '/api/v1/syncs/sy_1',
    bytes: content.length,
    sha256,
    state: 'queued',
  });
  expect(headers.get('location')).toBe('/api/v1/syncs/sy_1');
  expect(asked()).toMatchObject({
    connector: 'scores-push',
    key: 'k1',
    sha256,
    bytes: content.length,
    name: '分数.csv.gz',
  });
  expect((await harness.store.readAll(asked().objectKey, MOST_BYTES)).equals(content)).toBe(true);
  expect(await leftovers()).toEqual([]);
  await push('id\n1\n', {}, 'scores-push?name=told.csv');
  expect(asked().name).toBe('told.csv');
  await push('{"id":1}', { 'content-type': 'application/x-ndjson' });
  expect(asked().name).toBe('scores-push.ndjson');
});

test('content that came before under its key is kept once, and what is refused is not kept', async () => {
  const before = await stored();
  takes(() => before[0] ?? 'ingest/elsewhere');
  expect((await push('id\n1\n')).status).toBe(202);
  expect(await stored()).toEqual(before);
  const problem = { type: 'x', title: 'x', status: 409, code: 'ingest.key-reused', detail: 'd' };
  Object.defineProperty(harness.connector, 'answer', { configurable: true, value: { status: 409, body: problem } });
  const refused = await push('id\n2\n');
  expect([refused.status, refused.body.code]).toEqual([409, 'ingest.key-reused']);
  expect(await stored()).toEqual(before);
});

test('an empty body, a form, a missing key, too much, and a connector that takes nothing are refused before anything is kept', async () => {
  const before = await stored();
  const large = Buffer.alloc(MOST_BYTES + 1, 'x');
  const cases: [Promise<{ status: number; body: Problem }>, number, string][] = [
    [push(''), 400, 'ingest.empty'],
    [push(undefined), 400, 'ingest.empty'],
    [push('a', { 'content-type': 'multipart/form-data; boundary=x' }), 415, 'ingest.multipart'],
    [push('a', { 'content-type': 'text/html; charset=utf-8' }), 415, 'ingest.type'],
    [push('a', { 'content-type': 'image/png' }), 415, 'ingest.type'],
    [push('a', { 'idempotency-key': '' }), 400, 'ingest.key-missing'],
    [push('a', { 'idempotency-key': 'k'.repeat(201) }), 400, 'ingest.key-missing'],
    [push(large), 413, 'ingest.too-large'],
    [push('a', {}, 'scores-files'), 422, 'ingest.not-push'],
    [push('a', {}, 'nobody'), 404, 'connector.unknown'],
    [push('a', {}, 'scores-push?wait=x'), 400, 'request.invalid'],
  ];
  for (const [answer, status, code] of cases) {
    const { status: found, body } = await answer;
    expect([found, body.code]).toEqual([status, code]);
  }
  expect(harness.connector.asked).toEqual([]);
  expect(await stored()).toEqual(before);
  expect(await leftovers()).toEqual([]);
});

test('a body without a length is measured as it comes, and one that breaks off leaves nothing', async () => {
  const before = await stored();
  const send = (work: (request: ReturnType<typeof httpRequest>) => void) =>
    new Promise<number | string>((resolve) => {
      const request = httpRequest(
        `${harness.url}/api/v1/ingest/scores-push`,
        { method: 'POST', headers: { ...harness.operator, 'idempotency-key': 'k2', 'transfer-encoding': 'chunked' } },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      );
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
      work(request);
    });
  expect([413, 'EPIPE', 'ECONNRESET']).toContain(
    await send((request) => request.end(Buffer.alloc(MOST_BYTES * 2, 'x'))),
  );
  await send((request) => {
    request.write('id\n1\n');
    setImmediate(() => request.destroy());
  });
  for (let left = await leftovers(); left.length > 0; left = await leftovers())
    await new Promise((resolve) => setImmediate(resolve));
  expect(harness.connector.asked).toEqual([]);
  expect(await stored()).toEqual(before);
});

test('a department sends to its own connectors only, also with a key that may do nothing else', async () => {
  takes(() => asked().objectKey);
  const of = (department: string) => harness.credentials({ role: 'department', department, actions: ['ingest.push'] });
  expect((await push('id\n1\n', await of('education'))).status).toBe(202);
  const other = await push('id\n1\n', await of('health'));
  expect([other.status, other.body.code]).toEqual([404, 'connector.unknown']);
  const nobody = await fetch(`${harness.url}/api/v1/ingest/scores-push`, { method: 'POST', body: 'a' });
  expect(nobody.status).toBe(401);
});
