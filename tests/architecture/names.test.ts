import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { namesOf } from '@songhua/contracts';

const root = resolve(__dirname, '../..');
const MAKER = 'packages/contracts/src/names.ts';
const sources = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.sql'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /^(packages|services|infra)\/.*src\/|\.sql$/.test(file) && !/\.test\.ts$/.test(file));

/** What the default names are made of, as a literal would have it; names that are plain words are looked for where they are given. */
const { topics, landingGroup, taskQueue, namespace, eventSource } = namesOf('');
const literal = (text: string): string => text.replaceAll('.', '\\.');
const WRITTEN = new RegExp(
  [
    `['"\`](${[...Object.values(topics), eventSource].map(literal).join('|')})['"\`]`,
    `\\bgroup: ['"\`]${landingGroup}`,
    '\\bworkflowId: [\'"`]|refresh-lane-\\$',
    `\\btaskQueue: ['"\`]${taskQueue}|\\bnamespace: ['"\`]${namespace}`,
  ].join('|'),
);

test('one function makes every name in the engines, and nobody writes one beside it', () => {
  expect(sources).toContain(MAKER);
  const writers = sources.filter((file) => file !== MAKER && WRITTEN.test(readFileSync(join(root, file), 'utf8')));
  expect(writers).toEqual([]);
});
