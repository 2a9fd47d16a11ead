import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openProcessFolder, withFolder } from './temp-folders.js';

// Above the largest process id that Linux gives out.
const DEAD_PID = 4_194_305;

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'songhua-temp-'));
});
afterAll(() => rm(root, { recursive: true }));

test('folders of dead processes are removed; those of living ones, of other machines and of other services stay', async () => {
  const parent = join(root, 'parent');
  const dead = `connector-${hostname()}-${DEAD_PID}-x`;
  const before = `connector-${hostname()}-${process.pid}-x`;
  const stay = [
    `connector-${hostname()}-${process.ppid}-x`,
    `connector-elsewhere-${DEAD_PID}-x`,
    `refresh-${hostname()}-${DEAD_PID}-x`,
    'connector',
  ];
  for (const name of [dead, before, ...stay]) await mkdir(join(parent, name, 'read-1'), { recursive: true });
  const own = [await openProcessFolder(parent, 'connector'), await openProcessFolder(parent, 'connector')];
  expect((await readdir(parent)).sort()).toEqual([...stay, ...own.map((folder) => basename(folder))].sort());
});

test('a folder is there while it is worked in, and gone afterwards, whether that went well or not', async () => {
  const parent = join(root, 'work');
  const fill = async (folder: string): Promise<string> => {
    await writeFile(join(folder, 'file'), 'x');
    return basename(folder);
  };
  const names = await Promise.all([withFolder(parent, 'read', fill), withFolder(parent, 'read', fill)]);
  expect(new Set(names).size).toBe(2);
  expect(names[0]).toMatch(/^read-/);
  const failing = withFolder(parent, 'read', async (folder) => {
    await fill(folder);
    throw new Error('the source is away');
  });
  await expect(failing).rejects.toThrow('the source is away');
  expect(await readdir(parent)).toEqual([]);
});
