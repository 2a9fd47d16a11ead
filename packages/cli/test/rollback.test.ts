import { afterEach, expect, test } from '@jest/globals';
import { songhua } from './run.js';
import { json, problem, type ScriptedApi, startScripted } from './scripted-api.js';

let api: ScriptedApi | undefined;
afterEach(() => api?.down());

const sync = {
  id: 'sy_1',
  connector: 'levels-feed',
  dataset: 'levels',
  state: 'landed',
  rows: 1200,
  bytes: 88_000,
  queuedAt: '2026-03-01T08:00:00.000Z',
  startedAt: '2026-03-01T08:00:00.000Z',
  endedAt: null,
  reason: null,
  refresh: { state: 'running', version: null, startedAt: '2026-03-01T08:00:00.000Z', reason: null },
};
const ended = (state: string, version: number | null, reason: { code: string; message: string } | null = null) =>
  json({ ...sync, state, reason, refresh: { ...sync.refresh, state, version, reason } });
const rollback = ['versions', 'rollback', 'levels', '3', '--reason', 'the gauge was broken'];
const path = '/api/v1/datasets/levels/versions/3:rollback';
const opened = json({ dataset: 'levels', to: 3, sync: 'sy_1' }, 202);

test('a rollback is followed to its end, and the number of the new version is told', async () => {
  const answers = [opened, json(sync), ended('published', 5)];
  api = await startScripted(() => answers.shift() ?? problem(500, 'internal.unexpected'));
  const { told, exit } = songhua(api.url, ...rollback);
  expect([await exit, told.stdout]).toEqual([0, 'levels: published, version 5, as version 3 was\n']);
  expect(api.asked[0]).toEqual({ method: 'POST', path, body: { reason: 'the gauge was broken' } });
  expect(api.asked.slice(1).map((asked) => asked.path)).toEqual(['/api/v1/syncs/sy_1', '/api/v1/syncs/sy_1']);
});

test('as JSON it is what was answered, with what became of it', async () => {
  const answers = [opened, ended('published', 5)];
  api = await startScripted(() => answers.shift() ?? problem(500, 'internal.unexpected'));
  const { told, exit } = songhua(api.url, ...rollback, '--json');
  expect(await exit).toBe(0);
  expect(JSON.parse(told.stdout)).toMatchObject({ dataset: 'levels', to: 3, sync: 'sy_1', refresh: { version: 5 } });
});

test('what is served already is said to be so, and nothing is waited for', async () => {
  api = await startScripted(() => json({ dataset: 'levels', to: 3, state: 'unchanged', version: 4 }));
  const { told, exit } = songhua(api.url, ...rollback);
  expect([await exit, told.stdout]).toEqual([0, 'levels: unchanged, version 4 is served and has what version 3 has\n']);
  expect(api.asked).toHaveLength(1);
});

test.each([
  ['that failed', [opened, ended('failed', null, { code: 'version.corrupt', message: 'm' })], 1, 'version.corrupt'],
  ['while another is open', [problem(409, 'rollback.busy')], 1, 'rollback.busy'],
  ['to a version that is not kept', [problem(410, 'version.removed')], 1, 'version.removed'],
  ['to a version that is not there', [problem(404, 'version.unknown')], 2, 'version.unknown'],
])('a rollback %s ends with its code', async (_, answers, code, words) => {
  const left = [...answers];
  api = await startScripted(() => left.shift() ?? problem(500, 'internal.unexpected'));
  const { told, exit } = songhua(api.url, ...rollback);
  expect([await exit, told.stdout + told.stderr]).toEqual([code, expect.stringContaining(words)]);
});

test('without a reason nothing is asked', async () => {
  api = await startScripted(() => problem(500, 'internal.unexpected'));
  expect(await songhua(api.url, 'versions', 'rollback', 'levels', '3').exit).toBe(2);
  expect(api.asked).toEqual([]);
});
