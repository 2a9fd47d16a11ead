import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Manifest } from '@songhua/contracts';
import { type Harness, startHarness } from './harness.js';
import { publishRows, register } from './publish.js';

let harness: Harness;
let first: Manifest;

beforeAll(async () => {
  harness = await startHarness();
  await register(harness, 'scores');
  first = await publishRows(harness, 'scores', [
    [1, '哈尔滨'],
    [2, '=1+1'],
  ]);
  await publishRows(harness, 'scores', [
    [1, '哈尔滨'],
    [2, 'two'],
    [3, 'three'],
  ]);
}, 60_000);
afterAll(() => harness.stop());

const get = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
  fetch(new URL(path, harness.url), { headers, method, redirect: 'manual' });
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const parquet = (manifest: Manifest) => manifest.files.find((file) => file.name === 'data.parquet');

test('the bytes of a published file match the SHA-256 in its manifest, which is its ETag', async () => {
  const response = await get('/data/scores/v1/data.parquet');
  const bytes = Buffer.from(await response.arrayBuffer());
  expect(response.status).toBe(200);
  expect(sha256(bytes)).toBe(parquet(first)?.sha256);
  expect(response.headers.get('etag')).toBe(`"${parquet(first)?.sha256}"`);
  expect(response.headers.get('content-length')).toBe(String(parquet(first)?.bytes));
  expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(response.headers.get('content-disposition')).toBe('attachment; filename="scores-v1.parquet"');
});

test('latest is never cached unasked and names the pinned address that it is now', async () => {
  const response = await get('/data/scores/latest/data.parquet');
  expect(response.headers.get('cache-control')).toBe('no-cache');
  expect(response.headers.get('content-location')).toBe('/data/scores/v2/data.parquet');
  const again = await get('/data/scores/latest/data.parquet', { 'if-none-match': response.headers.get('etag') ?? '' });
  expect(again.status).toBe(304);
  expect(await again.text()).toBe('');
});

test('a range of a file is those bytes of it, and one outside it is refused', async () => {
  const whole = Buffer.from(await (await get('/data/scores/v1/data.parquet')).arrayBuffer());
  const etag = `"${parquet(first)?.sha256}"`;
  const some = await get('/data/scores/v1/data.parquet', { range: 'bytes=4-99' });
  expect(some.status).toBe(206);
  expect(some.headers.get('content-range')).toBe(`bytes 4-99/${whole.length}`);
  expect(Buffer.from(await some.arrayBuffer())).toEqual(whole.subarray(4, 100));
  const tail = await get('/data/scores/v1/data.parquet', { range: 'bytes=-8', 'if-range': etag });
  expect(Buffer.from(await tail.arrayBuffer())).toEqual(whole.subarray(-8));
  expect((await get('/data/scores/v1/data.parquet', { range: 'bytes=4-99', 'if-range': '"other"' })).status).toBe(200);
  expect((await get('/data/scores/v1/data.parquet', { range: 'bytes=0-1,4-5' })).status).toBe(200);
  const outside = await get('/data/scores/v1/data.parquet', { range: `bytes=${whole.length}-` });
  expect(outside.status).toBe(416);
  expect(outside.headers.get('content-range')).toBe(`bytes */${whole.length}`);
});

test('HEAD says what GET would send and sends nothing', async () => {
  const response = await get('/data/scores/v1/data.parquet', {}, 'HEAD');
  expect(response.status).toBe(200);
  expect(response.headers.get('content-length')).toBe(String(parquet(first)?.bytes));
  expect(await response.text()).toBe('');
});

test('a rendered file is made once for many first requests on two replicas, and its bytes never change', async () => {
  const replica = await harness.replica();
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, i) => fetch(`${i % 2 ? replica.url : harness.url}/data/scores/v1/data.csv`)),
  );
  const bodies = await Promise.all(answers.map(async (answer) => Buffer.from(await answer.arrayBuffer())));
  expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 200));
  const etags = new Set(answers.map((answer) => answer.headers.get('etag')));
  expect(etags).toEqual(new Set([`"${sha256(bodies[0] as Buffer)}"`]));
  const objects: string[] = [];
  for await (const { key } of harness.store.list(`renders/${first.datasetId}/1/`)) objects.push(key);
  expect(objects.filter((key) => key.endsWith('data.csv'))).toHaveLength(1);
  const text = (bodies[0] as Buffer).toString('utf8');
  expect(text).toContain('哈尔滨');
  await replica.stop();
}, 30_000);

test('every file of the contract is served, and an unknown one is 404 with the names there are', async () => {
  for (const file of ['data.ndjson', 'data.xlsx', 'schema.json', 'manifest.json']) {
    const response = await get(`/data/scores/v2/${file}`);
    expect([file, response.status]).toEqual([file, 200]);
    expect(`"${sha256(Buffer.from(await response.arrayBuffer()))}"`).toBe(response.headers.get('etag'));
  }
  expect((await get('/data/scores/v2/changes.parquet')).status).toBe(200);
  const missing = await get('/data/scores/v1/changes.parquet');
  expect(missing.status).toBe(404);
  expect(await missing.json()).toMatchObject({ code: 'file.unknown', detail: expect.stringContaining('data.parquet') });
});

test('the manifest of the API is the committed one', async () => {
  const response = await get('/api/v1/datasets/scores/versions/1/manifest');
  expect(await response.json()).toEqual(JSON.parse(JSON.stringify(first)));
});

test('rows are paged, filtered and sorted; a column that is not there is named', async () => {
  const rows = async (query: string): Promise<unknown> => (await get(`/api/v1/datasets/scores/rows?${query}`)).json();
  expect(await rows('sort=-id&pageSize=2')).toMatchObject({
    version: 2,
    total: 3,
    rows: [
      { id: 3, name: 'three' },
      { id: 2, name: 'two' },
    ],
  });
  expect(await rows('version=1&name=%3D1%2B1')).toMatchObject({ total: 1, rows: [{ id: 2 }] });
  expect(await rows('colour=red')).toMatchObject({ status: 400, code: 'rows.unknown-column' });
  expect(await rows(`sort=${encodeURIComponent('id; DROP TABLE x')}`)).toMatchObject({ code: 'rows.unknown-column' });
});

test('the difference of two versions counts and shows what changed', async () => {
  const response = await get('/api/v1/datasets/scores/versions/1/diff/2');
  expect(await response.json()).toMatchObject({
    from: 1,
    to: 2,
    changes: { added: 1, changed: 1, removed: 0 },
  });
});
