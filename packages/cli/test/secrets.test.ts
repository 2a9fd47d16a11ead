import { afterEach, expect, test } from '@jest/globals';
import { songhua } from './run.js';
import { json, type ScriptedApi, startScripted } from './scripted-api.js';

let api: ScriptedApi | undefined;
afterEach(() => api?.down());

const connector = {
  apiVersion: 'songhua/v1',
  kind: 'Connector',
  metadata: { name: 'guarded' },
  spec: { dataset: 'd', kind: 'http', config: {} },
};
const change = { kind: 'Connector', name: 'guarded', change: 'change', revision: 2, differences: [] };

test.each([
  ['approved', /^secret password of guarded is set\n$/],
  [
    'needed',
    /^secret password of guarded is kept .*does not run yet\nguarded waits for approval: songhua connectors submit guarded\n$/,
  ],
])('a secret that is given by a change that is %s is told so', async (approval, shown) => {
  api = await startScripted(({ method }) =>
    json(method === 'GET' ? connector : { created: 0, changed: 1, unchanged: 0, changes: [{ ...change, approval }] }),
  );
  const { child, told, exit } = songhua(api.url, 'secrets', 'set', 'guarded', 'password');
  child.stdin?.end('open sesame\n');
  expect([await exit, told.stderr]).toEqual([0, '']);
  expect(told.stdout).toMatch(shown);
});
