import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { keys, type Manifest } from '@songhua/contracts';
import { canonicalJson, reasonOf } from '@songhua/domain';
import { commitManifest, type ObjectStore, readManifest, uploadVerified } from '@songhua/object-store';
import { testStore } from './engines.js';

const datasetId = `ds_test_${randomBytes(8).toString('hex')}`;
let store: ObjectStore;
let directory: string;
let lastVersion = 0;

beforeAll(async () => {
  store = testStore();
  await store.ensureBucket();
  directory = await mkdtemp(join(tmpdir(), 'songhua-commit-'));
});

afterAll(async () => {
  const left: string[] = [];
  for await (const object of store.list(`datasets/${datasetId}/`)) left.push(object.key);
  await store.delete(left);
  await rm(directory, { recursive: true, force: true });
});

function manifest(replaced: Partial<Manifest> = {}): Manifest {
  return {
    schema: 'songhua.manifest/1',
    dataset: 'admission-scores',
    datasetId,
    version: ++lastVersion,
    identity: 'sha256:aa',
    previous: null,
    columns: [{ name: 'school', type: 'string', nullable: false, title: '学校' }],
    primaryKey: ['school'],
    rows: 1,
    counts: { read: 1, published: 1, unchanged: 0, deduplicated: 0, deleted: 0, withheld: 0, rejected: 0 },
    changes: { added: 1, changed: 0, removed: 0 },
    files: [],
    source: { connector: 'scores', sync: 'sy_1', number: 1, files: [], changedAt: null },
    cursor: {},
    createdAt: '2026-11-23T00:00:00.000Z',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    ...replaced,
  };
}

describe('verified upload', () => {
  const upload = async (through: ObjectStore, body: string) => {
    const path = join(directory, 'data.csv');
    await writeFile(path, body);
    const key = keys.versionFile(datasetId, 1, randomBytes(4).toString('hex'), 'data.csv');
    return uploadVerified(through, { key, path, mediaType: 'text/csv', name: 'data.csv' });
  };

  test('I1: what is recorded is what the store gives back', async () => {
    const file = await upload(store, 'a,b\n1,2\n');
    const stored = await store.readAll(file.key, 100);
    expect(stored.toString()).toBe('a,b\n1,2\n');
    expect(file).toMatchObject({ name: 'data.csv', mediaType: 'text/csv', bytes: stored.length });
  });

  test('I1: a flipped bit, a cut end and a lost object are never recorded', async () => {
    const flipped = (body: Buffer) => Buffer.concat([Buffer.from([(body[0] ?? 0) ^ 1]), body.subarray(1)]);
    const cut = (body: Buffer) => body.subarray(0, -1);
    for (const damage of [flipped, cut]) {
      const damaged: ObjectStore = {
        ...store,
        read: async (key) => Readable.from([damage(await store.readAll(key, 1000))]),
      };
      const reason = reasonOf(await upload(damaged, 'a,b\n1,2\n').catch((error: unknown) => error));
      expect(reason).toMatchObject({ code: 'object.unverified', retryable: true });
    }
    const losing: ObjectStore = {
      ...store,
      putFile: async (key, path, type) => {
        const sent = await store.putFile(key, path, type);
        await store.delete([key]);
        return sent;
      },
    };
    expect(reasonOf(await upload(losing, 'x').catch((error: unknown) => error)).code).toBe('object.unverified');
  });
});

describe('manifest commit', () => {
  test('I2: a version is not there before its commit, and is whole after it', async () => {
    const mine = manifest();
    expect(await readManifest(store, datasetId, mine.version)).toBeUndefined();
    expect(await commitManifest(store, mine)).toEqual({ outcome: 'created', manifest: mine });
    expect(await readManifest(store, datasetId, mine.version)).toEqual(mine);
  });

  test('I3: a retry of the same content meets its own version, and is told which manifest stands', async () => {
    const first = manifest();
    await commitManifest(store, first);
    const retry = manifest({ version: first.version, createdAt: '2026-11-24T00:00:00.000Z' });
    expect(await commitManifest(store, retry)).toEqual({ outcome: 'same', manifest: first });
  });

  test('I1: other content, or the same from another sync, another claim of its slot or after another version, never replaces a version', async () => {
    const first = manifest();
    await commitManifest(store, first);
    const { version } = first;
    const otherRows = manifest({ version, identity: 'sha256:bb' });
    const otherSync = manifest({ version, source: { ...first.source, sync: 'sy_2' } });
    // The slot of a sync is claimed anew after its catalog was restored from before it.
    const otherClaim = manifest({ version, traceparent: first.traceparent.replace('0af7', 'ffff') });
    const otherBefore = manifest({ version, previous: { version: 1, identity: 'sha256:00' } });
    for (const other of [otherRows, otherSync, otherClaim, otherBefore])
      expect(await commitManifest(store, other)).toEqual({ outcome: 'other', manifest: first });
    expect(await readManifest(store, datasetId, version)).toEqual(first);
  });

  test('of 32 concurrent commits of one version one wins, and all see the winner', async () => {
    const { version } = manifest();
    const rivals = Array.from({ length: 32 }, (_, i) => manifest({ version, identity: `sha256:${i}` }));
    const commits = await Promise.all(rivals.map((rival) => commitManifest(store, rival)));
    const winners = commits.filter((commit) => commit.outcome === 'created');
    expect(winners).toHaveLength(1);
    for (const commit of commits) expect(commit.manifest).toEqual(winners[0]?.manifest);
  });

  test('a commit whose answer was lost is found by the next try', async () => {
    const mine = manifest();
    const lossy: ObjectStore = {
      ...store,
      putIfAbsent: async (key, body, type) => {
        await store.putIfAbsent(key, body, type);
        throw new Error('connection reset');
      },
    };
    await expect(commitManifest(lossy, mine)).rejects.toThrow('connection reset');
    expect((await commitManifest(store, mine)).outcome).toBe('same');
  });

  test('a manifest that is not one is object.corrupt, and is never written', async () => {
    const { version } = manifest();
    const key = keys.manifest(datasetId, version);
    for (const body of ['<html>', '{}', JSON.stringify({ ...manifest(), rows: -1 })]) {
      await store.put(key, Buffer.from(body), 'application/json');
      const reason = reasonOf(await readManifest(store, datasetId, version).catch((error: unknown) => error));
      expect(reason).toMatchObject({ code: 'object.corrupt', retryable: false, actor: 'operator' });
    }
    const invalid = manifest({ rows: -1 });
    await expect(commitManifest(store, invalid)).rejects.toThrow();
    expect(await readManifest(store, datasetId, invalid.version)).toBeUndefined();
  });

  test('equal manifests have equal bytes', async () => {
    const mine = manifest();
    await commitManifest(store, mine);
    expect(await store.readAll(keys.manifest(datasetId, mine.version), 10_000)).toEqual(
      Buffer.from(canonicalJson(mine)),
    );
  });
});
