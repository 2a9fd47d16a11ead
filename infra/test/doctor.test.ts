import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { doctor } from '../src/index.js';

const before = { PATH: process.env.PATH, XDG_CACHE_HOME: process.env.XDG_CACHE_HOME, JAVA_HOME: process.env.JAVA_HOME };
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songhua-doctor-'));
});
afterEach(async () => {
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await rm(folder, { recursive: true, force: true });
});

test('on a machine with npm alone every missing prerequisite is named with a remedy in English and Chinese', async () => {
  process.env.PATH = folder;
  process.env.XDG_CACHE_HOME = folder;
  delete process.env.JAVA_HOME;
  const report = await doctor(folder);
  const check = (name: string) => report.checks.find((one) => one.name === name);
  expect(report.ok).toBe(false);
  for (const name of ['java', 'maven', 'python']) {
    expect(check(name)).toMatchObject({ ok: false, remedy: expect.stringContaining(' / ') });
  }
  expect(check('maven')?.remedy).toContain('Docker');
});

test('the machine that runs these tests has what it needs, or a stand-in for it', async () => {
  const report = await doctor(folder);
  expect(report.checks.filter((check) => !check.ok)).toEqual([]);
  for (const check of report.checks) expect(check.found).not.toBe('');
});
