import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createMinioStore, type ObjectStore, type ObjectStoreOptions } from '@songhua/object-store';
import { testObjectStore } from '@songhua/object-store/conformance';
import { retry } from '@songhua/runtime';
import { type RunningEngines, startEngines } from '../src/index.js';

let home = '';
let set: RunningEngines;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'songhua-seaweedfs-'));
  set = await startEngines({ home, mode: 'native', engines: ['object-store'], objectStore: 'seaweedfs' });
}, 120_000);
afterAll(async () => {
  await set?.stop();
  await rm(home, { recursive: true, force: true });
}, 60_000);

const create = (replaced: Partial<ObjectStoreOptions> = {}): ObjectStore =>
  createMinioStore({ ...set.endpoints.s3, ...replaced });
testObjectStore('SeaweedFS', create);
testObjectStore('SeaweedFS below a prefix', (replaced) => create({ prefix: 'staging/', ...replaced }));

test('SeaweedFS stands in for MinIO, and is killed and started again like it', async () => {
  const store = createMinioStore(set.endpoints.s3);
  await store.put('a/b', Buffer.from('kept'), 'text/plain');
  await set.kill('object-store');
  await set.restart('object-store');
  // It answers before its volumes have joined again, with an error that callers retry.
  const kept = await retry(() => store.readAll('a/b', 100), { tries: 20, baseMs: 200, maxMs: 1_000 });
  expect(kept.toString()).toBe('kept');
}, 120_000);
