import { afterEach, expect, test } from '@jest/globals';
import { syncAcceptedSchema } from '@songhua/contracts';
import { waitFor } from '@songhua/runtime/testing';
import { createApi } from '../src/api.js';
import { awaitRequest, followRequest } from '../src/follow-request.js';
import { followSync, told } from '../src/follow-sync.js';
import type { Progress } from '../src/progress.js';
import { progressShown, stageShown } from '../src/sync-view.js';
import { waiting } from '../src/waiting.js';
import {
  type Answer,
  type Asked,
  brokenOff,
  gateway,
  json,
  problem,
  progressOf,
  reset,
  type ScriptedApi,
  startScripted,
} from './scripted-api.js';

const ended = json(progressOf({ published: 1 }));
let api: ScriptedApi | undefined;
afterEach(() => api?.down());

/** Answers of a script in turn, the last one from then on. */
const inTurn = (answers: Answer[]) => (): Answer => (answers.length > 1 ? answers.shift() : answers[0]) as Answer;

async function scripted(next: (asked: Asked) => Answer): Promise<ScriptedApi> {
  api = await startScripted(next);
  return api;
}

function recorded(): Progress & { notes: string[]; updates: string[] } {
  const notes: string[] = [];
  const updates: string[] = [];
  return {
    notes,
    updates,
    note: (text) => void notes.push(text),
    update: (_stage, text) => void updates.push(text),
    end: () => undefined,
  };
}

test('a wait outlasts an API that says 502, 503 and 504, resets and breaks off, and tells once that it waits and once that it is back', async () => {
  const away = [problem(503, 'database.unavailable'), gateway(502), gateway(504), reset, brokenOff];
  const { url, asked } = await scripted(inTurn([json(progressOf({ reading: 1 })), ...away, ended]));
  const progress = recorded();
  expect(await followRequest(createApi(url), 'r1', progress)).toMatchObject({ published: 1 });
  expect(asked).toHaveLength(7);
  expect(progress.notes).toEqual([
    expect.stringMatching(/database\.unavailable.*waiting for it/),
    expect.stringMatching(/answers again/),
  ]);
});

test('a wait outlasts a service that is restarted at the same address', async () => {
  let now = json(progressOf({ reading: 1 }));
  const { url, asked, down, up } = await scripted(() => now);
  const progress = recorded();
  const followed = followRequest(createApi(url), 'r1', progress);
  await waitFor('a first poll', async () => asked.length > 0);
  await down();
  await waitFor('the absence to be told', async () => progress.notes.length > 0);
  now = ended;
  await up();
  expect(await followed).toMatchObject({ published: 1 });
  expect(progress.notes).toHaveLength(2);
});

test('a claim whose answer was lost is made again for the same request, so that it claims the same syncs', async () => {
  const { url, asked } = await scripted(
    inTurn([reset, brokenOff, json({ request: 'r1', syncs: [{ sync: 's', connector: 'c' }] }, 202), ended]),
  );
  await awaitRequest(createApi(url), 'r1', recorded(), async (patient, follow) => {
    await patient.post('/api/v1/syncs', { all: true, request: 'r1' }, syncAcceptedSchema);
    return follow();
  });
  expect(asked.slice(0, 3)).toEqual(
    Array(3).fill({ method: 'POST', path: '/api/v1/syncs', body: { all: true, request: 'r1' } }),
  );
});

test.each([
  [401, 'access.invalid'],
  [403, 'access.forbidden'],
  [404, 'request.unknown'],
  [429, 'connector.rate-limited'],
  [500, 'internal.unexpected'],
])('what the API answers with %d ends a wait at once', async (status, code) => {
  const { url, asked } = await scripted(() => problem(status, code));
  const progress = recorded();
  await expect(followRequest(createApi(url), 'r1', progress)).rejects.toMatchObject({ code });
  expect([asked.length, progress.notes]).toEqual([1, []]);
});

test('an API that is away for too long ends the wait with the reason and how to come back', async () => {
  const { url, asked } = await scripted(() => problem(503, 'database.unavailable'));
  const patience = { progress: recorded(), back: 'come back to it with: songhua syncs wait r1', awayMs: 600 };
  const asking = waiting(createApi(url), patience, (patient) => patient.post('/api/v1/syncs', {}, syncAcceptedSchema));
  await expect(asking).rejects.toMatchObject({
    code: 'database.unavailable',
    message: expect.stringMatching(/asked for .*come back to it with: songhua syncs wait r1$/),
  });
  expect(asked.length).toBeGreaterThan(1);
});

const reading = {
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

test('while a source is read, its stage, since when, rows and bytes so far are told', async () => {
  let told = false;
  const { url } = await scripted(({ path }) => {
    if (path.startsWith('/api/v1/sync-requests'))
      return told ? ended : json(progressOf({ reading: 1, rows: 1200, requestedSeconds: 3 }));
    told = true;
    return json({ items: [{ ...reading, dataset: 'younger', startedAt: '2026-03-01T08:00:02.000Z' }, reading] });
  });
  const progress = recorded();
  await followRequest(createApi(url), 'r1', progress);
  expect(progress.updates.at(-1)).toMatch(
    /1,200 rows .*levels reading since 2026-03-01T08:00:01\.000Z \(.*\): 1,200 rows, 88\.0 kB so far, \d+ rows\/s$/,
  );
});

test('who comes back to a request is told its own times and rate, a rate only while something is read, and each stage by its name', () => {
  const read = { rows: 400_000, requestedSeconds: 300, readingSeconds: 200 };
  expect(progressShown(progressOf({ ...read, reading: 1 }))).toBe(
    '0/1 datasets  400,000 rows  2,000 rows/s  reading 1  300 s',
  );
  for (const stage of ['queued', 'landing', 'landed', 'refreshing'] as const)
    expect(progressShown(progressOf({ ...read, [stage]: 1 }))).toBe(`0/1 datasets  400,000 rows  ${stage} 1  300 s`);
  expect(progressShown(progressOf({ ...read, published: 1, unannounced: 1 }))).toBe(
    '1/1 datasets  400,000 rows  announcing 1  300 s',
  );
});

test('whatever is waited for is named, also where it waits for others', async () => {
  let listed = '';
  const { url } = await scripted(({ path }) => {
    if (path.startsWith('/api/v1/sync-requests'))
      return listed ? ended : json(progressOf({ landed: 1, requestedSeconds: 3 }));
    listed = path;
    const refresh = { state: 'running', version: null, startedAt: '2026-03-01T08:01:00.000Z', reason: null };
    return json({ items: [{ ...reading, state: 'landed', readAt: '2026-03-01T08:00:59.000Z', refresh }] });
  });
  const progress = recorded();
  await followRequest(createApi(url), 'r1', progress);
  expect(listed).toContain('state=landed');
  expect(progress.updates.at(-1)).toMatch(
    /landed 1 .*levels landed, waiting for its turn to be refreshed, since 2026-03-01T08:01:00\.000Z/,
  );
});

test('why a sync is tried again is told while it is', () => {
  const reason = { code: 'object.unavailable', message: 'the object store is away' };
  const shown = stageShown({ ...reading, trouble: { reason, tries: 3 } }, new Date('2026-03-01T08:01:01.000Z'));
  expect(shown).toContain('reading since 2026-03-01T08:00:01.000Z');
  expect(shown).toContain('; tried 3 times, the last ended with object.unavailable: the object store is away');
});

test('one sync is followed to its end, also where no refresh will come', async () => {
  const failed = { code: 'source.gone', message: 'the file is not there' };
  const refresh = { state: 'running', version: null, startedAt: '2026-03-01T08:01:00.000Z', reason: null };
  const delivered = { ...reading, state: 'delivered', readAt: '2026-03-01T08:00:59.000Z' };
  const { url } = await scripted(
    inTurn([
      json({ ...reading, state: 'queued', startedAt: null }),
      json(reading),
      json(delivered),
      json({ ...delivered, state: 'landed', refresh }),
      json({ ...delivered, state: 'refreshing', refresh }),
      json({ ...delivered, state: 'published', refresh: { ...refresh, state: 'published', version: 3 } }),
      json({ ...reading, state: 'failed', reason: failed }),
    ]),
  );
  const progress = recorded();
  expect(told(await followSync(createApi(url), 'sy_1', progress))).toEqual({
    lines: ['published, version 3'],
    exit: 0,
  });
  expect(progress.updates.map((text) => text.split(' ')[1])).toEqual([
    'queued',
    'reading',
    'landing',
    'landed,',
    'refreshing',
  ]);
  expect(told(await followSync(createApi(url), 'sy_1', progress))).toEqual({
    lines: ['failed: source.gone: the file is not there'],
    exit: 1,
  });
});
