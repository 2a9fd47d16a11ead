import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';

const root = resolve(__dirname, '../..');

function run(script: string, ...args: string[]): { code: number | null; told: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, script), ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return { code: status, told: status === 0 ? '' : stdout + stderr };
}

test('tests are of the types that they say, as the sources are', () => {
  expect(run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.check.json')).toEqual({ code: 0, told: '' });
}, 180_000);

test('nothing is left for the linter and the formatter, floating promises included', () => {
  expect(run('node_modules/@biomejs/biome/bin/biome', 'check', '.')).toEqual({ code: 0, told: '' });
}, 120_000);
