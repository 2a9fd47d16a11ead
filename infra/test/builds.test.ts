import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ensureBuild } from '../src/builds/cache.js';
import { type FetchContext, verifyArtifacts } from '../src/builds/fetch.js';
import { type Build, buildOf, readLock } from '../src/builds/lock.js';
import { sha256File } from '../src/files.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songhua-builds-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const buildNamed = (version: string): Build => ({ name: 'temporal', version, client: 'pip', artifacts: [] });

function countingFetch(): { calls: () => number; fetch: (context: FetchContext) => Promise<void> } {
  let calls = 0;
  return {
    calls: () => calls,
    fetch: async ({ target }) => {
      calls += 1;
      await writeFile(join(target, 'temporal'), 'a program');
    },
  };
}

test('a file whose SHA-256 is not the lock’s is refused, and the message names both', async () => {
  const file = join(folder, 'a.jar');
  await writeFile(file, 'not what was locked');
  const artifact = { name: 'a', version: '1', file: 'a.jar', sha256: '0'.repeat(64) };
  await expect(verifyArtifacts(folder, [artifact])).rejects.toMatchObject({
    code: 'engine.checksum',
    message: expect.stringContaining(await sha256File(file)),
  });
  await expect(verifyArtifacts(folder, [{ ...artifact, sha256: await sha256File(file) }])).resolves.toBeUndefined();
});

test('every artifact of the lock has a checksum, and no registry is named', async () => {
  const lock = readLock();
  expect(lock.builds.map((build) => build.name).sort()).toEqual(
    ['java', 'kafka', 'minio', 'postgres', 'seaweedfs', 'temporal', 'temporal-test-server'].sort(),
  );
  const counts = lock.builds.map((build) => Object.values(build.platforms).flat().length);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(50);
  expect(JSON.stringify(lock)).not.toMatch(/https?:/);
});

test('the MinIO in the lock is the one that go.mod pins', async () => {
  const goMod = await readFile(join(__dirname, '..', 'minio', 'go.mod'), 'utf8');
  expect(goMod).toContain(`github.com/minio/minio ${buildOf(readLock(), 'minio').version}`);
});

test('many processes that want one build fetch it once', async () => {
  const { calls, fetch } = countingFetch();
  const build = buildNamed('once');
  const paths = await Promise.all([1, 2, 3, 4].map(() => ensureBuild(build, { folder, fetch })));
  expect(new Set(paths).size).toBe(1);
  expect(calls()).toBe(1);
});

test('a build that fails to arrive leaves nothing behind, and the next try succeeds', async () => {
  const build = buildNamed('late');
  const broken = async ({ target }: FetchContext): Promise<void> => {
    await writeFile(join(target, 'temporal'), 'half');
    throw new Error('the line is down');
  };
  await expect(ensureBuild(build, { folder, fetch: broken })).rejects.toThrow('the line is down');
  expect((await readdir(folder)).filter((name) => name.startsWith('temporal-late'))).toEqual([]);
  const path = await ensureBuild(build, { folder, fetch: countingFetch().fetch });
  expect(await readFile(join(path, 'temporal'), 'utf8')).toBe('a program');
});

test('what a killed fetcher left half done goes with the next fetch', async () => {
  const build = buildNamed('killed');
  const left = join(folder, 'temporal-killed.999999999.partial');
  await mkdir(join(left, 'build'), { recursive: true });
  await ensureBuild(build, { folder, fetch: countingFetch().fetch });
  expect((await readdir(folder)).filter((name) => name.endsWith('.partial'))).toEqual([]);
});

test('a program damaged in the cache is fetched again, never run', async () => {
  const { calls, fetch } = countingFetch();
  const build = buildNamed('damaged');
  const path = await ensureBuild(build, { folder, fetch });
  await writeFile(join(path, 'temporal'), 'a progrAm');
  await ensureBuild(build, { folder, fetch });
  expect(calls()).toBe(2);
  expect(await readFile(join(path, 'temporal'), 'utf8')).toBe('a program');
});

test('other bytes under the same version are fetched anew', async () => {
  const { calls, fetch } = countingFetch();
  const build = buildNamed('changed');
  await ensureBuild(build, { folder, fetch });
  const artifact = { name: 'a', version: '1', file: 'a', sha256: '1'.repeat(64) };
  await ensureBuild({ ...build, artifacts: [artifact] }, { folder, fetch });
  expect(calls()).toBe(2);
});
