import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createMinioStore, type ObjectStore } from '@songhua/object-store';
import { fetchLanding } from '../src/index.js';

test('a landing that is not what the catalog was told of is refused, whoever put it there', async () => {
  const manifest = {
    ...{ schema: 'songhua.landing/2', dataset: 'd', datasetId: 'ds_1', connector: 'c', sync: 'sy_1', attempt: 1 },
    ...{ traceparent: 'its own', parts: [] },
    completed: {
      ...{ mode: 'full', scope: 'all', operations: false, reset: false, number: 1, batches: 0, details: 0 },
      ...{ rows: 0, rejected: 0, bytes: 0, sha256: 'a', startedAt: '', completedAt: '' },
    },
  };
  const store = { readAll: async () => Buffer.from(JSON.stringify(manifest)) } as unknown as ObjectStore;
  for (const landed of [
    { traceparent: 'of another claim', content: 'a' },
    { traceparent: 'its own', content: 'b' },
  ])
    await expect(fetchLanding(store, { landing: 'm', landed }, '/nowhere')).rejects.toMatchObject({
      code: 'landing.replaced',
      actor: 'operator',
      message: expect.stringContaining('songhua sync NAME --full'),
    });
});

test('a landing of another release is refused with what it is and what to do', async () => {
  const store = createMinioStore({
    endpoint: process.env.SONGHUA_TEST_S3_ENDPOINT ?? '',
    accessKey: process.env.SONGHUA_TEST_S3_ACCESS_KEY ?? '',
    secretKey: process.env.SONGHUA_TEST_S3_SECRET_KEY ?? '',
    bucket: `landing-${randomBytes(6).toString('hex')}`,
  });
  await store.ensureBucket();
  const folder = await mkdtemp(join(tmpdir(), 'songhua-landing-'));
  const put = (key: string, document: unknown) =>
    store.put(key, Buffer.from(JSON.stringify(document)), 'application/json');
  try {
    await put('before', { schema: 'songhua.landing/1', parts: [] });
    await put('other', [1]);
    await expect(fetchLanding(store, { landing: 'before', landed: null }, folder)).rejects.toMatchObject({
      code: 'landing.unreadable',
      retryable: false,
      actor: 'operator',
      message: expect.stringContaining('before is songhua.landing/1, which this release does not read'),
    });
    await expect(fetchLanding(store, { landing: 'other', landed: null }, folder)).rejects.toMatchObject({
      code: 'landing.unreadable',
    });
  } finally {
    await store.delete(['before', 'other']);
    await rm(folder, { recursive: true, force: true });
  }
});
