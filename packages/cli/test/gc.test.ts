import { afterEach, expect, test } from '@jest/globals';
import { waitFor } from '@songhua/runtime/testing';
import { linesOf } from '../src/commands/gc.js';
import { songhua } from './run.js';
import { type Answer, brokenOff, json, problem, reset, type ScriptedApi, startScripted } from './scripted-api.js';

let api: ScriptedApi | undefined;
afterEach(() => api?.down());

const report = {
  removed: { landing: { objects: 2, bytes: 3000 } },
  kept: { landing: { objects: 1, bytes: 10 }, 'version-file': { objects: 4, bytes: 10 } },
  reasons: { 'landing.retention': { objects: 2, bytes: 3000 } },
  trimmed: { versions: 1, syncs: 0, rejected: 0, outbox: 0, audit: 0 },
  unknown: { objects: 1, bytes: 1, keys: ['landing/readme.txt'] },
  items: [{ what: 'landing/ds_1/sy_1/1/manifest.json', why: 'landing.retention', bytes: 3000 }],
  problems: [],
};

test('a dry run names what would go and why; a collection tells how much went', () => {
  const dry = linesOf({ dryRun: true, report, problem: null }).join('\n');
  expect(dry).toMatch(/landing\/ds_1\/sy_1\/1\/manifest\.json +landing\.retention +3\.0 kB/);
  expect(dry).toContain('would go from the catalog: 1 versions');
  const done = linesOf({ dryRun: false, report, problem: null }).join('\n');
  expect(done).not.toContain('manifest.json');
  expect(done).toMatch(/landing +1 \(10 B\) +2 \(3\.0 kB\)/);
  expect(done).toContain('1 (1 B) of no known kind stay, the first: landing/readme.txt');
});

test('a collection that failed says why', () => {
  const problem = { code: 'object.unavailable', message: 'the store does not answer' };
  expect(linesOf({ dryRun: false, report, problem }).at(-1)).toBe('object.unavailable: the store does not answer');
});

const running = {
  id: 7,
  dryRun: false,
  by: 'key:1',
  state: 'running',
  stage: 'objects',
  report,
  problem: null,
  startedAt: '2026-03-01T08:00:00.000Z',
  endedAt: null,
};
const done = { ...running, state: 'done', endedAt: '2026-03-01T08:01:00.000Z' };

test('a collection is followed through absences of the API', async () => {
  const answers: Answer[] = [
    json(running, 202),
    problem(503, 'database.unavailable'),
    reset,
    brokenOff,
    json(running),
    json(done),
  ];
  api = await startScripted(() => answers.shift() ?? problem(500, 'internal.unexpected'));
  const { told, exit } = songhua(api.url, 'gc');
  expect([await exit, told.stdout]).toEqual([0, expect.stringContaining('removed')]);
  expect(told.stderr).toContain('the API answers again');
});

test('where the answer that it began was lost, the collection that runs is followed and no other begun', async () => {
  const answers: Answer[] = [reset, json({ items: [running] }), json(done)];
  api = await startScripted(() => answers.shift() ?? problem(500, 'internal.unexpected'));
  expect(await songhua(api.url, 'gc').exit).toBe(0);
  expect(api.asked.filter(({ method }) => method === 'POST')).toHaveLength(1);
});

test('whoever stops waiting for a collection is told how to come back to it', async () => {
  api = await startScripted(({ method }) => json(running, method === 'POST' ? 202 : 200));
  const { asked } = api;
  const { child, told, exit } = songhua(api.url, 'gc');
  await waitFor('it to be followed', async () => asked.length > 1);
  child.kill('SIGINT');
  expect(await exit).toBe(130);
  expect(told.stderr).toContain('come back to it with: songhua gc --last');
});
