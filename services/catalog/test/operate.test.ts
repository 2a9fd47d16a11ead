import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createThings, type Things } from './access/world.js';
import { type Harness, startHarness } from './harness.js';
import { publishRows } from './publish.js';

let harness: Harness;
let things: Things;
beforeAll(async () => {
  harness = await startHarness();
  things = await createThings(harness, 'education');
}, 60_000);
afterAll(() => harness?.stop());

async function post<T = Record<string, unknown>>(
  path: string,
  body: unknown,
  headers: Record<string, string> = harness.operator,
): Promise<{ status: number; body: T }> {
  const response = await fetch(new URL(path, harness.url), {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as T };
}

test('an approved hold goes back to its lane with what it may pass, under the name of who decided', async () => {
  const reviewer = await harness.credentials({ role: 'reviewer' });
  const path = `/api/v1/holds/${things.sync}:decide`;
  expect(await post(path, { approve: true, reason: '' }, reviewer)).toMatchObject({ status: 400 });
  const answer = await post(path, { approve: true, reason: '学校停办 the school closed' }, reviewer);
  expect(answer).toEqual({
    status: 202,
    body: { sync: things.sync, dataset: things.dataset, approved: true, refresh: 'running' },
  });
  expect(harness.dispatched).toMatchObject([{ sync: things.sync, attempt: 1 }]);
  const context = await harness.catalog.refreshes.begin({ sync: things.sync, attempt: 1 });
  expect(context.sync.approved).toEqual(['guard.rejected']);
  expect(context.handled).toBeUndefined();
  const [row] = await harness.catalog.audit.list({ action: 'hold.approve', limit: 1 });
  expect(row).toMatchObject({
    actor: expect.stringMatching(/^key:/),
    subject: `Dataset/${things.dataset}`,
    detail: { sync: things.sync, code: 'guard.rejected', reason: '学校停办 the school closed' },
  });
});

test('a rejected hold has ended, and what has ended is not decided', async () => {
  const path = `/api/v1/holds/${things.sync}:decide`;
  expect(await post(path, { approve: true, reason: 'once more' })).toMatchObject({
    status: 409,
    body: { code: 'hold.ended', detail: expect.stringContaining('on its way') },
  });
  const reason = { code: 'schema.changed', message: 'another', actor: 'department', retryable: false } as const;
  const held = { sync: things.sync, state: 'held', reason } as const;
  await harness.catalog.refreshes.finish({ sync: things.sync, attempt: 1 }, held, {});
  expect(await post(path, { approve: false, reason: 'the file is cut' })).toMatchObject({
    status: 202,
    body: { refresh: 'failed', approved: false },
  });
  expect(await post(path, { approve: true, reason: 'no, it is not' })).toMatchObject({
    status: 409,
    body: { code: 'hold.ended' },
  });
  expect(await post('/api/v1/holds/sy_nobody:decide', { approve: true, reason: 'x' })).toMatchObject({ status: 404 });
});

test('a replay is handed to the lane as rows of the sync that they were rejected of, once at a time', async () => {
  const path = `/api/v1/quarantine/${things.replayable}:replay`;
  expect(await post(path, { dryRun: true })).toMatchObject({ status: 200, body: { dataset: things.dataset } });
  const before = harness.dispatched.length;
  const answer = await post<{ sync: string }>(path, { codes: ['cell.type'] });
  expect(answer).toMatchObject({ status: 202, body: { of: things.replayable, dataset: things.dataset } });
  expect(harness.dispatched[before]).toMatchObject({ sync: answer.body.sync, attempt: 1 });
  expect((await harness.catalog.refreshes.context(answer.body.sync))?.sync).toMatchObject({
    replay: { sync: things.replayable, codes: ['cell.type'] },
    landing: expect.stringContaining(things.replayable),
  });
  expect(await post(path, {})).toMatchObject({ status: 409, body: { code: 'replay.busy' } });
  expect(await post(`/api/v1/quarantine/${things.sync}:replay`, {})).toMatchObject({
    status: 404,
    body: { code: 'replay.missing' },
  });
});

test('a rollback is handed to the lane with the version that it goes back to; asked again it is the same one, and others are told so', async () => {
  const { dataset } = await createThings(harness, 'water');
  await publishRows(harness, dataset, [[1, 'c']]);
  const path = (version: number | string) => `/api/v1/datasets/${dataset}/versions/${version}:rollback`;
  const body = { reason: '文件不完整 the file was cut' };
  expect(await post(path(1), {})).toMatchObject({ status: 400 });
  expect(await post(path('latest'), body)).toMatchObject({ status: 400 });
  expect(await post(path(9), body)).toMatchObject({ status: 404, body: { code: 'version.unknown' } });
  expect(await post('/api/v1/datasets/nowhere/versions/1:rollback', body)).toMatchObject({
    status: 404,
    body: { code: 'dataset.unknown' },
  });
  expect(await post(path(3), body)).toEqual({ status: 200, body: { dataset, to: 3, state: 'unchanged', version: 3 } });

  const reviewer = await harness.credentials({ role: 'reviewer' });
  const before = harness.dispatched.length;
  const answer = await post<{ sync: string }>(path(1), body, reviewer);
  expect(answer).toEqual({ status: 202, body: { dataset, to: 1, sync: expect.any(String) } });
  const { sync } = answer.body;
  expect(harness.dispatched[before]).toMatchObject({ sync, attempt: 1 });
  expect(await harness.catalog.syncs.get(sync)).toMatchObject({ purpose: 'rollback', rollbackTo: 1, state: 'landed' });
  const [row] = await harness.catalog.audit.list({ action: 'version.rollback', limit: 1 });
  expect(row).toMatchObject({ actor: expect.stringMatching(/^key:/), detail: { sync, to: 1, from: 3, ...body } });
  expect(await post(path(1), body)).toEqual(answer);
  expect(await post(path(2), body)).toMatchObject({
    status: 409,
    body: { code: 'rollback.busy', detail: expect.stringContaining(sync) },
  });
  const shown = await fetch(new URL(`/api/v1/syncs/${sync}`, harness.url), { headers: harness.operator });
  expect(await shown.json()).toMatchObject({ purpose: 'rollback', rollbackTo: 1 });
});

test('a version whose files are gone, and a dataset without a connector, are told in the words of their kind', async () => {
  const { dataset, connector } = await createThings(harness, 'transport');
  const path = `/api/v1/datasets/${dataset}/versions/1:rollback`;
  await harness.catalog.connectors.delete(connector, 'test');
  expect(await post(path, { reason: 'r' })).toMatchObject({ status: 409, body: { code: 'rollback.no-connector' } });
  await harness.tamper(
    `INSERT INTO version_tombstone SELECT id, 1, now(), 'test', 'r' FROM dataset WHERE name = '${dataset}'`,
  );
  expect(await post(path, { reason: 'r' })).toMatchObject({ status: 410, body: { code: 'version.removed' } });
});

test('a sync that waits is cancelled by its department, in whose name it stands; then it is ended, and says so', async () => {
  const [connector] = await harness.catalog.connectors.list({ names: [things.connector] });
  if (!connector) throw new Error('the connector is not there');
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const [sync] = await harness.catalog.syncs.enqueue([{ connector, slot: 'request:long', full: false, traceparent }]);
  const path = `/api/v1/syncs/${sync?.id}:cancel`;
  const own = await harness.credentials({ role: 'department', department: things.department });
  expect(await post(path, { reason: ' ' }, own)).toMatchObject({ status: 400 });
  expect(await post(path, { reason: 'it drips' }, own)).toMatchObject({
    status: 200,
    body: { id: sync?.id, state: 'failed', reason: { code: 'sync.cancelled', actor: 'department' } },
  });
  expect(await post(path, { reason: 'again' }, own)).toMatchObject({ status: 409, body: { code: 'sync.ended' } });
  expect(await post('/api/v1/syncs/sy_none:cancel', { reason: 'x' })).toMatchObject({
    status: 404,
    body: { code: 'sync.unknown' },
  });
});
