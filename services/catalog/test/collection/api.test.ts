import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitFor } from '@songhua/runtime/testing';
import { type Harness, startHarness } from '../harness.js';
import { dataset, publishRows, register } from '../publish.js';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
}, 60_000);
afterAll(() => harness?.stop());

async function ask(path: string, init: RequestInit = {}): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(new URL(path, harness.url), {
    ...init,
    headers: { ...harness.operator, ...(init.body != null && { 'content-type': 'application/json' }) },
  });
  const text = await response.text();
  const json = /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, body: json ? (JSON.parse(text) as Record<string, unknown>) : {} };
}

async function collect(dryRun: boolean): Promise<Record<string, unknown>> {
  const begun = await ask('/api/v1/gc', { method: 'POST', body: JSON.stringify({ dryRun }) });
  expect(begun.status).toBe(202);
  let ended: Record<string, unknown> = {};
  await waitFor('the collection to end', async () => {
    ended = (await ask(`/api/v1/gc/${begun.body.id}`)).body;
    return ended.state !== 'running';
  });
  expect(ended).toMatchObject({ state: 'done', dryRun });
  return ended;
}

test('a version that its dataset keeps no longer is gone for readers and for pinned links, and its manifest is not', async () => {
  await register(harness, 'scores');
  const { spec, ...of } = dataset('scores');
  const keeping = { ...of, spec: { ...spec, versions: { keep: 1, atLeastDays: 0 } } } as ReturnType<typeof dataset>;
  await harness.catalog.estate.apply([keeping] as Parameters<Harness['catalog']['estate']['apply']>[0], 'test');
  for (const text of ['a', 'b']) await publishRows(harness, 'scores', [[1, text]]);
  expect((await ask('/data/scores/v1/data.csv')).status).toBe(200);

  await waitFor('the versions to be announced', async () => {
    const { report } = (await collect(true)) as { report: { trimmed: { versions: number } } };
    return report.trimmed.versions === 1;
  });
  expect((await ask('/data/scores/v1/data.csv')).status).toBe(200);
  await collect(false);

  for (const path of [
    '/data/scores/v1/data.csv',
    '/data/scores/v1/data.parquet',
    '/api/v1/datasets/scores/rows?version=1',
    '/api/v1/datasets/scores/versions/1/diff/2',
  ]) {
    const { status, body } = await ask(path);
    expect([path, status, body.code]).toEqual([path, 410, 'version.removed']);
    expect(body.detail).toContain('/data/scores/v1/manifest.json');
  }
  expect((await ask('/data/scores/v1/manifest.json')).body).toMatchObject({ version: 1, rows: 1 });
  expect((await ask('/api/v1/datasets/scores/versions/1')).body).toMatchObject({
    removed: { reason: expect.stringContaining('keeps 1 versions') },
  });
  expect((await ask('/api/v1/datasets/scores/versions')).body.items).toMatchObject([
    { version: 2, removed: null },
    { version: 1, removed: { at: expect.any(String) } },
  ]);
  expect((await ask('/data/scores/latest/data.csv')).status).toBe(200);
  expect(await (await fetch(new URL('/metrics', harness.url))).text()).toMatch(
    /songhua_gc_kept_objects\{kind="version-manifest"[^}]*\} 2/,
  );
});

test('what is cut off the feed is told to whoever asks for it, by page and by stream', async () => {
  const { items } = (await ask('/api/v1/changes')).body as { items: { position: string }[] };
  await harness.catalog.collection.trimOutbox(new Date(Date.now() + 60_000), 100);
  const last = items.at(-1)?.position;
  const told = { status: 410, body: { code: 'changes.trimmed', detail: expect.stringContaining(`after=${last}`) } };
  expect(await ask('/api/v1/changes')).toMatchObject(told);
  const stream = await fetch(new URL('/api/v1/events', harness.url), { headers: { 'last-event-id': '0' } });
  expect([stream.status, ((await stream.json()) as { code: string }).code]).toEqual([410, 'changes.trimmed']);
  expect((await ask(`/api/v1/changes?after=${last}`)).body).toEqual({ items: [], next: last });
});
