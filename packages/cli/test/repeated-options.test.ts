import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { songhua } from './run.js';
import { json, type ScriptedApi, startScripted } from './scripted-api.js';

const folder = mkdtempSync(join(tmpdir(), 'songhua-cli-test-'));
const [first, second] = [join(folder, 'a.yaml'), join(folder, 'b.yaml')];
let api: ScriptedApi;
beforeAll(async () => {
  const department = (name: string) =>
    `apiVersion: songhua/v1\nkind: Department\nmetadata: {name: ${name}}\nspec: {title: ${name}}\n`;
  writeFileSync(first, department('alpha'));
  writeFileSync(second, department('beta'));
  api = await startScripted(({ path }) =>
    path.startsWith('/api/v1/syncs')
      ? json({ items: [] })
      : json({ created: 2, changed: 0, unchanged: 0, changes: [] }),
  );
});
afterEach(() => void api.asked.splice(0));
afterAll(async () => {
  await api.down();
  rmSync(folder, { recursive: true });
});

const sent = (): unknown[] =>
  api.asked.map(({ body }) => (body as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name));

test.each(['apply', 'plan'])('%s takes every file that is named, in one call', async (command) => {
  const { exit, told } = songhua(api.url, command, '-f', first, '--file', second);
  expect([await exit, told.stderr]).toEqual([0, '']);
  expect(sent()).toEqual([['alpha', 'beta']]);
});

test('a resource that stands in two of the files is told with both places, and nothing is sent', async () => {
  const { exit, told } = songhua(api.url, 'apply', '-f', first, '-f', second, '-f', folder);
  expect(await exit).toBe(2);
  expect(told.stderr).toContain(`Department/alpha stands in ${first} document 1 already`);
  expect(api.asked).toEqual([]);
});

test('a connector and its dataset may be tried from two files', async () => {
  const connector = join(folder, 'c.yaml');
  const dataset = join(folder, 'd.yaml');
  writeFileSync(
    connector,
    'apiVersion: songhua/v1\nkind: Connector\nmetadata: {name: c}\nspec: {dataset: d, kind: file, config: {path: x.csv}}\n',
  );
  writeFileSync(
    dataset,
    'apiVersion: songhua/v1\nkind: Dataset\nmetadata: {name: d}\nspec: {title: d, department: alpha, domain: x, frequency: DAILY}\n',
  );
  await songhua(api.url, 'connectors', 'test', '-f', connector, '-f', dataset).exit;
  expect(api.asked).toMatchObject([
    {
      path: '/api/v1/connectors:test',
      body: { resource: { metadata: { name: 'c' } }, dataset: { metadata: { name: 'd' } } },
    },
  ]);
});

test('an option that keeps one value refuses a second instead of forgetting the first', async () => {
  const { exit, told } = songhua(api.url, 'sync', '--department', 'alpha', '--department', 'beta');
  expect(await exit).toBe(2);
  expect(told.stderr).toMatch(/--department.*given twice/);
  expect(api.asked).toEqual([]);
  expect(await songhua(api.url, 'syncs', 'list', '--state', 'failed', '--limit', '5').exit).toBe(0);
});
