import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ACTIONS, ROLES } from '@songhua/domain';

test('the table of docs/access.md is the policy', () => {
  const text = readFileSync(join(__dirname, '../../docs/access.md'), 'utf8');
  const rows = [...text.matchAll(/^\| `([a-z.]+)` *\|(.*)\|$/gm)].map(([, action = '', cells = '']) => {
    const grants = cells.split('|').map((cell) => cell.trim());
    return [action, Object.fromEntries(ROLES.flatMap((role, i) => (grants[i] ? [[role, grants[i]]] : [])))];
  });
  expect(Object.fromEntries(rows)).toEqual(ACTIONS);
});
