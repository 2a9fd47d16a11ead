import { afterEach, expect, test } from '@jest/globals';
import { songhua } from './run.js';
import { json, problem, type ScriptedApi, startScripted } from './scripted-api.js';

let api: ScriptedApi | undefined;
afterEach(() => api?.down());

const sync = {
  id: 'sy_1',
  connector: 'levels-feed',
  dataset: 'levels',
  state: 'reading',
  rows: 1200,
  bytes: 88_000,
  queuedAt: '2026-03-01T08:00:00.000Z',
  startedAt: '2026-03-01T08:00:01.000Z',
  endedAt: null,
  reason: null,
  refresh: null,
};

test('a sync that is under way is shown with its stage, beside the document and not in it', async () => {
  api = await startScripted(() => json(sync));
  const { told, exit } = songhua(api.url, 'syncs', 'show', 'sy_1');
  expect(await exit).toBe(0);
  expect(JSON.parse(told.stdout)).toEqual(sync);
  expect(told.stderr).toMatch(
    /^reading since 2026-03-01T08:00:01\.000Z \(.*\): 1,200 rows, 88\.0 kB so far, .* rows\/s\n$/,
  );
});

test('a sync is cancelled with a reason, and one that is ended is told to be so', async () => {
  const answers = [json({ ...sync, state: 'failed' }), problem(409, 'sync.ended')];
  api = await startScripted(() => answers.shift() ?? problem(500, 'internal.unexpected'));
  const cancel = ['syncs', 'cancel', 'sy_1', '--reason', 'it drips'];
  const cancelled = songhua(api.url, ...cancel);
  expect([await cancelled.exit, cancelled.told.stdout]).toEqual([
    0,
    'levels: sync sy_1 is cancelled; what is published stays\n',
  ]);
  expect(api.asked).toEqual([{ method: 'POST', path: '/api/v1/syncs/sy_1:cancel', body: { reason: 'it drips' } }]);
  const again = songhua(api.url, ...cancel);
  expect([await again.exit, again.told.stderr]).toEqual([1, expect.stringContaining('sync.ended')]);
  expect(await songhua(api.url, 'syncs', 'cancel', 'sy_1').exit).toBe(2);
});

test('a push whose answer was lost says under which key it can be sent again', async () => {
  api = await startScripted(() => problem(503, 'connector-service.unavailable'));
  const { child, told, exit } = songhua(api.url, 'push', 'c', '-', '--key', 'k7');
  child.stdin?.end('{"a":1}');
  expect(await exit).toBe(1);
  expect(told.stderr).toContain('--key k7');
});
