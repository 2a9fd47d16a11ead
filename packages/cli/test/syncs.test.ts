import { afterEach, expect, test } from '@jest/globals';
import { songhua } from './run.js';
import { json, problem, progressOf, type ScriptedApi, startScripted } from './scripted-api.js';

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

const held = {
  dataset: 'levels',
  sync: 'sy_1',
  state: 'held',
  code: 'guard.shrink',
  message: 'm',
  actor: 'department',
};

test('a wait that ends held says which sync waits and how it is seen and decided, and what else waits there', async () => {
  const other = { dataset: 'levels', sync: 'sy_0', code: 'schema.changed', message: 'm' };
  api = await startScripted(() => json(progressOf({ held: 1, failures: [held], holds: [other] })));
  const { told, exit } = songhua(api.url, 'syncs', 'wait', 'r1');
  expect(await exit).toBe(3);
  expect(told.stdout).toMatch(/levels +sy_1 +held +guard\.shrink/);
  expect(told.stdout).toContain('songhua holds show sy_1\n');
  expect(told.stdout).toContain('songhua holds decide sy_1 --approve --reason TEXT, or --reject --reason TEXT');
  expect(told.stdout).toContain('1 refresh waits for a decision: levels schema.changed, songhua holds show sy_0\n');
});

test('how long a request took is until its own last step, whatever was announced since', async () => {
  api = await startScripted(() => json(progressOf({ published: 1, stages: { read: 3, refresh: 12, announce: 9000 } })));
  const { told, exit } = songhua(api.url, 'syncs', 'wait', 'r1');
  expect([await exit, told.stdout]).toEqual([0, expect.stringMatching(/ {2}12 s\n$/)]);
});

test('one sync that ends held names the commands, and the hold is shown for people with its reason once', async () => {
  const reason = { code: 'guard.shrink', message: 'half of it is gone', actor: 'department' };
  const refresh = { state: 'held', version: null, startedAt: sync.startedAt, reason };
  const hold = { ...sync, state: 'held', purpose: 'rules', rejected: 0, reason, refresh };
  api = await startScripted(() => json(hold));
  const waited = songhua(api.url, 'syncs', 'wait', 'sy_1');
  expect(await waited.exit).toBe(3);
  expect(waited.told.stdout).toContain('songhua holds decide sy_1 --approve');
  const shown = songhua(api.url, 'holds', 'show', 'sy_1');
  expect(await shown.exit).toBe(0);
  expect(shown.told.stdout.match(/half of it is gone/g)).toHaveLength(1);
  expect(shown.told.stdout).toMatch(/made by +changed rules/);
  expect(shown.told.stdout).toContain('songhua holds decide sy_1 --approve');
  const whole = songhua(api.url, 'holds', 'show', 'sy_1', '--json');
  expect([await whole.exit, JSON.parse(whole.told.stdout)]).toEqual([0, hold]);
});
