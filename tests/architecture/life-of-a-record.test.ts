import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';

const root = resolve(__dirname, '../..');
const text = readFileSync(join(root, 'docs/life-of-a-record.md'), 'utf8');
const files = [...text.matchAll(/`((?:packages|services|infra)\/[^`]+\.\w+)`/g)].map((match) => match[1] ?? '');

test('the life of a record names files that exist, each once', () => {
  expect(files.length).toBeGreaterThan(30);
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  expect(files.filter((file, i) => files.indexOf(file) !== i)).toEqual([]);
});
