import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { problemSchema, summarySchema } from '@songhua/contracts';
import { type Harness, startHarness } from './harness.js';
import { connector, dataset, department, domain, publishRows, register } from './publish.js';

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
}, 60_000);
afterAll(() => harness.stop());

const get = (path: string): Promise<Response> => fetch(new URL(path, harness.url), { headers: harness.operator });
const post = (path: string, body: unknown): Promise<Response> =>
  fetch(new URL(path, harness.url), {
    method: 'POST',
    headers: { ...harness.operator, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('resources are applied in any order, connectors go on to their service, and again changes nothing', async () => {
  const taken = { kind: 'Connector', name: 'alpha-files', change: 'create', revision: 1, differences: [] };
  harness.connector.answer = { status: 200, body: { created: 1, changed: 0, unchanged: 0, changes: [taken] } };
  const resources = [connector('alpha'), dataset('alpha'), domain, department];
  expect(await (await post('/api/v1/resources:apply', resources)).json()).toMatchObject({
    created: 4,
    changed: 0,
    unchanged: 0,
    changes: [{ kind: 'Department' }, { kind: 'Domain' }, { kind: 'Dataset', name: 'alpha' }, taken],
  });
  // Asked whether it would take them before anything is changed.
  expect(harness.connector.asked.slice(-2)).toMatchObject(
    [true, false].map((dryRun) => ({
      path: '/connectors:apply',
      body: { resources: [{ metadata: { name: 'alpha-files' } }], datasets: ['alpha'], dryRun },
    })),
  );
  const own = [dataset('alpha'), domain, department];
  expect(await (await post('/api/v1/resources:apply', own)).json()).toEqual({
    created: 0,
    changed: 0,
    unchanged: 3,
    changes: [],
  });
  const changed = [dataset('alpha', '新标题'), domain];
  expect(await (await post('/api/v1/resources:apply', changed)).json()).toEqual({
    created: 0,
    changed: 1,
    unchanged: 1,
    changes: [
      {
        kind: 'Dataset',
        name: 'alpha',
        change: 'change',
        revision: 2,
        differences: [{ path: 'spec.title', before: '录取分数线', after: '新标题' }],
      },
    ],
  });
});

test('a dataset of a department that does not exist is refused and nothing of the call stays', async () => {
  const bad = dataset('beta');
  if (bad.kind === 'Dataset') bad.spec.department = 'nobody';
  const other = { ...domain, metadata: { name: 'other-domain' } };
  const response = await post('/api/v1/resources:apply', [other, bad]);
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({ code: 'catalog.reference' });
  const domains = (await (await get('/api/v1/domains')).json()) as { items: { name: string }[] };
  expect(domains.items.map((item) => item.name)).toEqual(['education']);
});

test('a resource that is not valid is told where', async () => {
  const response = await post('/api/v1/resources:apply', [{ ...domain, spec: {} }]);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    code: 'request.invalid',
    errors: [{ path: expect.stringContaining('spec/title') }],
  });
});

test('syncs and trials are answered by the connector service, its problems too', async () => {
  harness.connector.answer = { status: 202, body: { request: 'r', syncs: [] } };
  const accepted = await post('/api/v1/syncs', { all: true });
  expect([accepted.status, await accepted.json()]).toEqual([202, { request: 'r', syncs: [] }]);
  expect(harness.connector.asked.at(-1)).toMatchObject({ path: '/syncs', body: { all: true, full: false } });
  await post('/api/v1/connectors/alpha-files:sync', { full: true });
  expect(harness.connector.asked.at(-1)).toMatchObject({
    path: '/syncs',
    body: { full: true, connectors: ['alpha-files'] },
  });
  expect((await post('/api/v1/connectors/alpha-files:steal', {})).status).toBe(404);
  await post('/api/v1/connectors/alpha-files:pause', {});
  expect(harness.connector.asked.at(-1)?.path).toBe('/connectors/alpha-files/pause');
  await fetch(new URL('/api/v1/connectors/alpha-files', harness.url), { method: 'DELETE', headers: harness.operator });
  expect(harness.connector.asked.at(-1)).toMatchObject({ path: '/connectors/alpha-files', body: null });
  expect((await get('/api/v1/connectors:kinds')).status).toBe(202);
  const problem = { type: 't', title: 't', status: 400, code: 'connector.kind', detail: 'd' };
  harness.connector.answer = { status: 400, body: problem };
  for (const action of ['test', 'discover', 'preview', 'dry-run']) {
    const response = await post(`/api/v1/connectors:${action}`, { connector: 'x' });
    expect([response.status, await response.json()]).toEqual([400, problem]);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(harness.connector.asked.at(-1)?.path).toBe(`/connectors:${action}`);
  }
});

test('hostile names are 400, unknown ones 404, each with problem details that say what to do', async () => {
  const invalid = ['..%2f..%2fetc', '%00', 'a'.repeat(300), 'caf%C3%A9', 'cafe%CC%81', 'A', 'a%20b', '-a'];
  const paths = invalid.flatMap((name) => [
    `/api/v1/datasets/${name}`,
    `/api/v1/datasets/${name}/rows`,
    `/data/${name}/latest/data.csv`,
    `/api/v1/datasets?department=${name}`,
  ]);
  paths.push('/data/alpha/v0/data.csv', '/data/alpha/latest/..%2fmanifest.json', '/data/%ZZ/latest/data.csv');
  for (const path of paths) {
    const response = await get(path);
    const problem = problemSchema.parse(await response.json());
    expect([path, response.status, problem.status]).toEqual([path, 400, 400]);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
  }
  for (const path of ['/data/%2e%2e/latest/data.csv', '/data/../../etc/passwd', '/api/v1/datasets/..'])
    expect([path, await rawStatus(path)]).toEqual([path, 400]);
  for (const path of [
    '/api/v1/datasets/none',
    '/api/v1/datasets/none/versions',
    '/api/v1/datasets/alpha/versions/9',
    '/data/none/latest/data.csv',
    '/data/alpha/latest/data.csv',
    '/api/v1/syncs/none',
    '/api/v1/sync-requests/none',
    '/api/v1/quarantine/none',
    '/nowhere',
  ]) {
    const response = await get(path);
    expect([path, response.status, problemSchema.parse(await response.json()).status]).toEqual([path, 404, 404]);
  }
});

test('a secret given to a connector is never shown again', async () => {
  await register(harness, 'gamma');
  for (const path of ['/api/v1/connectors', '/api/v1/connectors/gamma-files']) {
    const text = await (await get(path)).text();
    expect(text).toContain('token');
    expect(text).not.toContain('sealed1.k.canary.secret');
  }
});

test('a committed version is announced on the event stream and in the changes feed, and can be resumed', async () => {
  const stop = new AbortController();
  const stream = await fetch(new URL('/api/v1/events', harness.url), { signal: stop.signal });
  const events = readEvents(stream);
  expect(await events.next()).toMatchObject({ value: ': alive' });
  await publishRows(harness, 'gamma', [[1, 'a']]);
  const { value } = await events.next();
  expect(value).toMatch(/^id: \d+\nevent: version.published\ndata: .*"dataset":"gamma"/);
  stop.abort();
  const feed = (await (await get('/api/v1/changes')).json()) as { items: unknown[]; next: string };
  expect(feed.items).toHaveLength(1);
  expect(await (await get(`/api/v1/changes?after=${feed.next}`)).json()).toEqual({ items: [], next: feed.next });
  const resumed = new AbortController();
  const again = await fetch(new URL('/api/v1/events', harness.url), {
    signal: resumed.signal,
    headers: { 'last-event-id': '0' },
  });
  expect((await readEvents(again).next()).value).toContain('"dataset":"gamma"');
  resumed.abort();
}, 30_000);

test('summary, lists and machines answer as documented', async () => {
  const summary = summarySchema.parse(await (await get('/api/v1/summary')).json());
  expect(summary).toMatchObject({ departments: 1, domains: 1, datasets: 2, published: 1, records: 1, versions: 1 });
  const page = (await (await get('/api/v1/datasets?q=分数&freshness=fresh&inSync=confirmed&sort=changed')).json()) as {
    items: unknown[];
  };
  expect(page).toMatchObject({ total: 1, page: 1, items: [{ name: 'gamma', rows: 1, freshness: 'fresh' }] });
  const [gamma] = page.items as { clocks: Record<string, string>; dueAt: string; inSyncUntil: string }[];
  expect(gamma).toMatchObject({ lateSince: null, inSync: 'confirmed' });
  expect(Date.parse(gamma?.dueAt ?? '') - Date.parse(gamma?.clocks.dataChangedAt ?? '')).toBe(86_400_000);
  expect(Date.parse(gamma?.inSyncUntil ?? '') - Date.parse(gamma?.clocks.checkedAt ?? '')).toBe(2 * 86_400_000);
  expect(summary.inSync).toEqual({ confirmed: 1, differs: 0, failing: 0, stale: 0, unknown: 1 });
  expect((await get('/api/v1/datasets?q=%25')).status).toBe(200);
  expect(((await (await get('/api/v1/datasets?q=%25')).json()) as { total: number }).total).toBe(0);
  expect(await (await get('/metrics')).text()).toContain('songhua_http_request_seconds');
  expect(await (await get('/readyz')).json()).toEqual({
    ready: true,
    engines: { postgres: 'ok', kafka: 'ok', 'object-store': 'ok', temporal: 'ok' },
  });
  const { paths } = (await (await get('/openapi.json')).json()) as { paths: Record<string, object> };
  for (const path of [
    '/api/v1/summary',
    '/data/{name}/{version}/{file}',
    '/api/v1/connectors/{name}:sync',
    '/api/v1/resources:apply',
  ])
    expect(Object.keys(paths)).toContain(path);
});

/** fetch() resolves dots before it sends; an attacker does not. */
const rawStatus = (path: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(harness.url);
    request({ hostname, port, path }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });

async function* readEvents(response: Response): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let buffered = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    buffered += decoder.decode(chunk, { stream: true });
    for (let end = buffered.indexOf('\n\n'); end >= 0; end = buffered.indexOf('\n\n')) {
      yield buffered.slice(0, end);
      buffered = buffered.slice(end + 2);
    }
  }
}
