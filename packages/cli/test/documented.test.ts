import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { type Line, linesOf, wrongWith } from './documented.js';

const root = resolve(__dirname, '../../..');

const lines: Line[] = ['README.md', 'infra/README.md', ...markdownBelow('docs'), ...markdownBelow('deploy')].flatMap(
  (path) => linesOf(path, readFileSync(join(root, path), 'utf8')),
);

function markdownBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
}

test('every command line in the documents is one that the command line has', () => {
  expect(lines.length).toBeGreaterThan(80);
  const wrong = lines.map((line) => ({ ...line, wrong: wrongWith(line) })).filter((line) => line.wrong !== undefined);
  expect(wrong).toEqual([]);
});

test.each([
  ['a command that is not there', 'frobnicate'],
  ['a command of a group that is not there', 'syncs stop 1'],
  ['a group alone', 'syncs'],
  ['an option that is not there', 'status --xml'],
  ['an option without what it takes', 'plan'],
  ['too many arguments', 'whoami you'],
  ['too few', 'versions diff schools 1'],
])('%s is found in a block', (_, text) => {
  expect(wrongWith({ document: '', text, whole: true })).toBeDefined();
});

test('lines are found with what stands before and behind them', () => {
  const markdown = [
    '```sh',
    'KEY=$(npx songhua keys create --title t --role portal --expires 1d)',
    'A= npx songhua status --json | head # and more',
    '```',
    'then `songhua keys list | revoke ID` or `songhua secrets set A B < file`.',
  ].join('\n');
  expect(linesOf('', markdown).map(({ text }) => text)).toEqual([
    'keys create --title t --role portal --expires 1d',
    'status --json',
    'keys list',
    'keys revoke ID',
    'secrets set A B',
  ]);
});
