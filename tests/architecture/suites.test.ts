import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';

const { suitesByNeed } = require('../harness/suites.cjs') as { suitesByNeed(root: string): Record<string, string[]> };
// In two pieces, so that this suite is not taken for one that needs engines.
const [address, helper] = [`${'SONGHUA'}_TEST_DATABASE_URL`, `create${'TestDatabase'}`];

const root = mkdtempSync(join(tmpdir(), 'songhua-suites-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('a suite runs beside the others by what it needs, found in its text and that of its helpers', () => {
  const files = {
    'packages/a/test/rules.test.ts': "import { rule } from '../src/rule.js';",
    'packages/a/src/rule.ts': 'export const rule = 1;',
    'packages/a/test/own.test.ts': `const url = process.env.${address} ?? '';`,
    'services/b/test/helped.test.ts': "import { world } from './world.js';",
    'services/b/test/world.ts': "import { database } from './database.js';",
    'services/b/test/database.ts': `import { ${helper} } from '@songhua/catalog/testing';`,
    'services/b/node_modules/c/c.test.ts': '',
    'infra/test/processes.test.ts': '',
    'tests/e2e/whole.test.ts': '',
    'tests/faults/kills.test.ts': '',
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  expect(suitesByNeed(root)).toEqual({
    pure: ['packages/a/test/rules.test.ts'],
    engines: ['packages/a/test/own.test.ts', 'services/b/test/helped.test.ts'],
    systems: ['infra/test/processes.test.ts', 'tests/e2e/whole.test.ts', 'tests/faults/kills.test.ts'],
  });
});

test('every suite of the checkout has exactly one need', () => {
  const suites = Object.values(suitesByNeed(resolve(__dirname, '../..'))).flat();
  expect(new Set(suites).size).toBe(suites.length);
  expect(suites).toContain('tests/architecture/suites.test.ts');
});

test('a suite that is taken to need no engine is given no address of one', () => {
  expect(
    Object.keys(process.env).filter((name) => /^SONGHUA_TEST_.*(URL|BROKERS|ADDRESS|ENDPOINT)$/.test(name)),
  ).toEqual([]);
});
