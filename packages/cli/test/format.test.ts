import { expect, test } from '@jest/globals';
import { table } from '../src/format.js';

const plain = (text: string): string[] =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what goes
  text.replace(/\u001b\[\d+m/g, '').split('\n');
const rows = [
  ['levels', 'restore the columns of the source, or apply the dataset with other rules and decide then'],
  ['readings', '恢复来源的列，或者用其他规则应用数据集，然后再决定'],
  ['short', 'ok'],
];

test('no line of a table ends in spaces, and what is not for a terminal is on one line', () => {
  const lines = plain(table(['dataset', 'why'], rows, undefined));
  expect(lines).toHaveLength(4);
  expect(lines.filter((line) => / $/.test(line))).toEqual([]);
  expect(lines[3]).toBe('short     ok');
});

test('in a terminal the last cell goes on below itself, within the width, and nothing of it is lost', () => {
  const lines = plain(table(['dataset', 'why'], rows, 40));
  const width = (line: string): number => [...line].reduce((n, c) => n + (c > '\u2e80' ? 2 : 1), 0);
  for (const line of lines) expect(width(line)).toBeLessThanOrEqual(40);
  expect(lines[1]).toBe('levels    restore the columns of the');
  expect(lines[2]).toBe('          source, or apply the dataset');
  const text = lines
    .map((line) => line.slice(10))
    .join('')
    .replaceAll(' ', '');
  for (const [, why = ''] of rows) expect(text).toContain(why.replaceAll(' ', ''));
});
