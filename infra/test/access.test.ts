import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { apiKeyId } from '@songhua/domain';
import { ensureAccess, readOperatorKey, replaceOperatorKey } from '../src/access.js';
import { openHome } from '../src/home.js';

const folder = mkdtempSync(join(tmpdir(), 'songhua-access-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('credentials are made once, readable by their owner only', () => {
  expect(readOperatorKey(folder)).toBeUndefined();
  const home = openHome(folder);
  const made = ensureAccess(home);
  expect(ensureAccess(home)).toEqual(made);
  expect(apiKeyId(made.operatorKey)).toMatch(/^[0-9a-f]{12}$/);
  expect(made.internalToken.length).toBeGreaterThanOrEqual(43);
  for (const file of ['operator.key', 'internal.token'])
    expect(statSync(join(home.keys, file)).mode & 0o777).toBe(0o600);
  expect(statSync(home.keys).mode & 0o777).toBe(0o700);
  expect(readOperatorKey(folder)).toBe(made.operatorKey);
});

test('what was not screened yet is in folders that only their owner reads; others pass through to an inbox', () => {
  const home = openHome(join(folder, 'state'));
  const modeOf = (path: string): number => statSync(path).mode & 0o777;
  expect([home.root, home.data].map(modeOf)).toEqual([0o711, 0o711]);
  expect([home.logs, home.run, home.temp].map(modeOf)).toEqual([0o700, 0o700, 0o700]);
});

test('an exchanged operator key takes the place of the old one and stays', () => {
  replaceOperatorKey(folder, 'sk_other');
  expect(readOperatorKey(folder)).toBe('sk_other');
  expect(ensureAccess(openHome(folder)).operatorKey).toBe('sk_other');
  expect(readFileSync(join(folder, 'credentials/operator.key'), 'utf8')).toBe('sk_other\n');
});
