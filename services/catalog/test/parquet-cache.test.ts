import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ManifestFile } from '@songhua/contracts';
import type { ObjectStore } from '@songhua/object-store';
import fc from 'fast-check';
import { createParquetCache } from '../src/files/parquet-cache.js';

let root: string;
let folders = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'songhua-cache-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const contentOf = (name: string, bytes: number): Buffer => Buffer.alloc(bytes, name);
const fileOf = (name: string, bytes: number): ManifestFile => ({
  name: 'data.parquet',
  key: name,
  mediaType: 'application/vnd.apache.parquet',
  bytes,
  sha256: createHash('sha256').update(contentOf(name, bytes)).digest('hex'),
});

type Download = (key: string, path: string) => Promise<void>;

/** A cache on a folder of its own; `download` puts the file where it is asked to. */
function cacheOf(maxBytes: number, download: Download) {
  const folder = join(root, `${folders++}`);
  const store: Pick<ObjectStore, 'download'> = {
    async download(key, path) {
      await download(key, path);
      const body = readFileSync(path);
      return { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') };
    },
  };
  const bytesThere = (): number =>
    readdirSync(folder).reduce(
      (sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  return { cache: createParquetCache(store, folder, maxBytes), bytesThere };
}

/** Everything that only waits for what is done already has gone on. */
const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
const nothing = async (): Promise<void> => undefined;

test('a copy that is removed late does not take the next download of the same file with it', async () => {
  const file = fileOf('a', 8);
  const { cache } = cacheOf(0, async (_key, path) => writeFileSync(path, contentOf('a', 8)));
  const first = cache.use(file, nothing);
  // The first use has ended and its copy is being removed; the second comes before that is done.
  await settled();
  const second = cache.use(file, async (path) => {
    await first;
    return existsSync(path);
  });
  expect(await second).toBe(true);
});

test('a download that failed for many at once is counted out once, so that the limit stays the limit', async () => {
  const { cache, bytesThere } = cacheOf(8, async (key, path) => {
    if (key === 'gone') throw new Error('the store is away');
    writeFileSync(path, contentOf(key, 8));
  });
  const gone = fileOf('gone', 8);
  const ends = await Promise.allSettled([1, 2, 3].map(() => cache.use(gone, nothing)));
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  for (const name of ['a', 'b', 'c']) await cache.use(fileOf(name, 8), nothing);
  expect(bytesThere()).toBe(8);
});

type Step =
  | { do: 'use'; file: number; ends: 'whole' | 'fails' | 'corrupt' }
  | { do: 'deliver' | 'finish'; which: number }
  | { do: 'settle' };
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant('use' as const),
    file: fc.nat(3),
    ends: fc.constantFrom('whole' as const, 'whole' as const, 'whole' as const, 'fails' as const, 'corrupt' as const),
  }),
  fc.record({ do: fc.constantFrom('deliver' as const, 'finish' as const), which: fc.nat(9) }),
  fc.constant({ do: 'settle' as const }),
);
const SIZES = [1, 3, 5, 8];

test('in any order of uses, failures and removals a copy is whole while it is used, and disk holds no more than the limit or what is in use', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.constantFrom(0, 4, 9), async (steps, maxBytes) => {
      const using = new Map<string, number>();
      const inUse = (): number => [...using.keys()].reduce((sum, key) => sum + (SIZES[Number(key)] ?? 0), 0);
      const deliveries: (() => void)[] = [];
      const finishes: (() => void)[] = [];
      const problems: string[] = [];
      const ends = new Map<string, string>();
      const { cache, bytesThere } = cacheOf(maxBytes, async (key, path) => {
        await new Promise<void>((resolve) => deliveries.push(resolve));
        if (ends.get(key) === 'fails') throw new Error('the store is away');
        const content = contentOf(key, SIZES[Number(key)] ?? 0);
        writeFileSync(path, ends.get(key) === 'corrupt' ? content.fill('x') : content);
        const there = bytesThere();
        if (there > Math.max(maxBytes, inUse())) problems.push(`${there} bytes with ${inUse()} in use`);
      });
      const use = async (key: string): Promise<void> => {
        const file = fileOf(key, SIZES[Number(key)] ?? 0);
        using.set(key, (using.get(key) ?? 0) + 1);
        try {
          await cache.use(file, async (path) => {
            await new Promise<void>((resolve) => finishes.push(resolve));
            if (!readFileSync(path).equals(contentOf(key, file.bytes))) problems.push(`${key} is not whole`);
          });
        } catch (error) {
          if (!/the store is away|its manifest says/.test(String(error))) problems.push(String(error));
        }
        const left = (using.get(key) ?? 0) - 1;
        if (left === 0) using.delete(key);
        else using.set(key, left);
      };
      const uses: Promise<void>[] = [];
      for (const one of steps) {
        if (one.do === 'use') {
          ends.set(`${one.file}`, one.ends);
          uses.push(use(`${one.file}`));
        } else if (one.do === 'settle') await new Promise((resolve) => setImmediate(resolve));
        else {
          const waiting = one.do === 'deliver' ? deliveries : finishes;
          waiting.splice(one.which % Math.max(1, waiting.length), 1)[0]?.();
          await settled();
        }
      }
      let done = false;
      const all = Promise.all(uses).then(() => {
        done = true;
      });
      while (!done) {
        for (const resolve of [...deliveries.splice(0), ...finishes.splice(0)]) resolve();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await all;
      expect(problems).toEqual([]);
      expect(bytesThere()).toBeLessThanOrEqual(maxBytes);
    }),
    { numRuns: 300 },
  );
});
