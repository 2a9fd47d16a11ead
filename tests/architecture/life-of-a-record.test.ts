import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { SYNC_STATES } from '@songhua/domain';
import { livingCode, root } from './documents.js';

const text = readFileSync(join(root, 'docs/life-of-a-record.md'), 'utf8');
const files = [...text.matchAll(/`((?:packages|services|infra)\/[^`]+\.\w+)`/g)].map((match) => match[1] ?? '');

test('the life of a record names files that exist, each once', () => {
  expect(files.length).toBeGreaterThan(30);
  expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  expect(files.filter((file, i) => files.indexOf(file) !== i)).toEqual([]);
});

test('the functions that it names are defined once, in the file that stands beside them', () => {
  const named = [...text.matchAll(/^\|([^|]*)\|([^|]*)\|$/gm)].flatMap(([, step = '', cell = '']) =>
    [...step.matchAll(/`([a-z]+(?:_[a-z]+)+|[a-z]+(?:[A-Z][a-z]+)+)`/g)].map(([, symbol = '']) => ({ symbol, cell })),
  );
  expect(named.length).toBeGreaterThan(3);
  const code = livingCode();
  for (const { symbol, cell } of named) {
    const definition = new RegExp(`(?:FUNCTION|VIEW|function|const) ${symbol}\\b`);
    const places = code.filter((one) => definition.test(one.text)).map(({ path }) => `\`${path}\``);
    expect({ symbol, places }).toEqual({ symbol, places: [cell.trim()] });
  }
});

test('the states that it draws are those of a sync', () => {
  const drawing = /```\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  expect(new Set(drawing.match(/[a-z]{4,}/g))).toEqual(new Set([...SYNC_STATES, 'approved']));
});
