import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openTempDir } from '../src/temp.js';

// Above the largest process id that Linux gives out.
const DEAD_PID = 4_194_305;

test('folders of dead processes are removed, those of living ones and of other machines stay', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'songhua-temp-'));
  const dead = `connector-${hostname()}-${DEAD_PID}-x`;
  const living = `connector-${hostname()}-${process.ppid}-x`;
  const elsewhere = `connector-elsewhere-${DEAD_PID}-x`;
  for (const name of [dead, living, elsewhere]) await mkdir(join(parent, name, 'read-1'), { recursive: true });
  const own = basename(await openTempDir(parent, 'y'));
  expect((await readdir(parent)).sort()).toEqual([living, elsewhere, own].sort());
  await rm(parent, { recursive: true });
});
