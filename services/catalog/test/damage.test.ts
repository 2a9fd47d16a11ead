import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Manifest } from '@songhua/contracts';
import { type Harness, startHarness } from './harness.js';
import { publishRows, register } from './publish.js';

let harness: Harness;
let manifest: Manifest;

beforeAll(async () => {
  harness = await startHarness();
  await register(harness, 'damaged');
  manifest = await publishRows(
    harness,
    'damaged',
    // Text that does not compress, so that the file travels in several chunks.
    Array.from({ length: 5000 }, (_, i) => [i, createHash('sha256').update(String(i)).digest('hex')]),
  );
  const [file] = manifest.files;
  if (!file) throw new Error('nothing was published');
  const bytes = await harness.store.readAll(file.key, 10_000_000);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await harness.store.put(file.key, bytes, file.mediaType);
}, 60_000);
afterAll(() => harness.stop());

test('an object with one bit flipped is never delivered whole', async () => {
  const response = await fetch(new URL('/data/damaged/v1/data.parquet', harness.url));
  expect(response.status).toBe(200);
  await expect(response.arrayBuffer()).rejects.toThrow();
});

test('rows and renders of a damaged object are refused, and served again once it is restored', async () => {
  for (const path of ['/api/v1/datasets/damaged/rows', '/data/damaged/v1/data.csv']) {
    const response = await fetch(new URL(path, harness.url));
    expect([path, response.status]).toEqual([path, 500]);
    expect(await response.json()).toMatchObject({ code: 'object.corrupt' });
  }
  const [file] = manifest.files;
  if (!file) throw new Error('nothing was published');
  const bytes = await harness.store.readAll(file.key, 10_000_000);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await harness.store.put(file.key, bytes, file.mediaType);
  const rows = await fetch(new URL('/api/v1/datasets/damaged/rows?pageSize=1', harness.url));
  expect(await rows.json()).toMatchObject({ total: 5000 });
});

test('rejected rows of an object that was cut are refused, not shown as if there were no more', async () => {
  await register(harness, 'cut');
  const count = 2000;
  const key = 'quarantine/cut/rejected.ndjson.gz';
  const manifest = await publishRows(harness, 'cut', [[1, 'a']], { count, byCode: { 'cell.type': count }, key });
  const lines = Array.from({ length: count }, (_, i) => {
    const message = createHash('sha256').update(String(i)).digest('hex');
    return `${JSON.stringify({ file: 0, line: i + 2, code: 'cell.type', message, raw: '' })}\n`;
  });
  const packed = gzipSync(lines.join(''));
  const ask = async () => {
    const url = new URL(`/api/v1/quarantine/${manifest.source.sync}?page=2&pageSize=1000`, harness.url);
    const response = await fetch(url, { headers: harness.operator });
    return { status: response.status, body: (await response.json()) as { rows?: { line: number }[] } };
  };
  await harness.store.put(key, packed, 'application/gzip');
  expect((await ask()).body.rows?.map(({ line }) => line)).toEqual(lines.slice(1000).map((_, i) => i + 1002));
  await harness.store.put(key, packed.subarray(0, packed.length - 10_000), 'application/gzip');
  expect(await ask()).toMatchObject({ status: 500 });
});
