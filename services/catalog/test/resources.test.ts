import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { keys, type Resource, type Revision } from '@songhua/contracts';
import { type Harness, startHarness } from './harness.js';
import { connector, dataset, department, domain, publishRows, register, traceparent } from './publish.js';

let harness: Harness;
let member: { authorization: string };
const OTHER = 'health-bureau';

const moved = (name: string, to: string): Resource => {
  const one = dataset(name);
  return one.kind === 'Dataset' ? { ...one, spec: { ...one.spec, department: to } } : one;
};

beforeAll(async () => {
  harness = await startHarness();
  const estate = [
    department,
    { ...department, metadata: { name: OTHER } },
    domain,
    dataset('mine'),
    moved('theirs', OTHER),
  ];
  await harness.catalog.estate.apply(estate as Parameters<typeof harness.catalog.estate.apply>[0], 'alice');
  const plain = (name: string) => ({ ...connector(name), spec: { ...connector(name).spec, secrets: {} } });
  await harness.catalog.connectors.apply([plain('mine'), plain('theirs')], { name: 'alice', mayApprove: true });
  member = await harness.credentials({ role: 'department', department: 'education-bureau' });
}, 60_000);
afterAll(() => harness.stop());

const call = async (method: string, path: string, body?: unknown, headers: object = harness.operator) => {
  const response = await fetch(new URL(path, harness.url), {
    method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> & { items: Resource[] } };
};
const ids = (items: Resource[]): string[] => items.map(({ kind, metadata }) => `${kind}/${metadata.name}`);

describe('resources', () => {
  test('are listed by kind and name as they can be applied, to a department its own with what they refer to', async () => {
    const { body } = await call('GET', '/api/v1/resources');
    expect(ids(body.items)).toEqual([
      'Department/education-bureau',
      'Department/health-bureau',
      'Domain/education',
      'Dataset/mine',
      'Dataset/theirs',
      'Connector/mine-files',
      'Connector/theirs-files',
    ]);
    expect(body.items.some(({ metadata }) => 'revision' in metadata)).toBe(false);
    const own = await call('GET', '/api/v1/resources', undefined, member);
    expect(ids(own.body.items)).toEqual([
      'Department/education-bureau',
      'Department/health-bureau',
      'Domain/education',
      'Dataset/mine',
      'Connector/mine-files',
    ]);
    expect(ids((await call('GET', '/api/v1/resources?kind=Dataset&name=mine')).body.items)).toEqual(['Dataset/mine']);
  });

  test('one by one say their revision, and a change based on an older one conflicts', async () => {
    const { body } = await call('GET', '/api/v1/resources/Dataset/mine');
    expect(body).toMatchObject({ metadata: { name: 'mine', revision: 1 } });
    const edited = { ...body, spec: { ...(body.spec as object), title: '改' } };
    expect(await call('POST', '/api/v1/resources:apply', [edited])).toMatchObject({
      status: 200,
      body: { changed: 1 },
    });
    expect(await call('POST', '/api/v1/resources:apply', [edited])).toMatchObject({
      status: 409,
      body: { code: 'resource.conflict', detail: expect.stringContaining('revision 2 (key:') },
    });
  });

  test('are tried without being changed', async () => {
    const tried = await call('POST', '/api/v1/resources:apply?dryRun=true', [dataset('mine', '试')]);
    expect(tried).toMatchObject({
      status: 200,
      body: { changed: 1, changes: [{ differences: [{ path: 'spec.title', before: '改', after: '试' }] }] },
    });
    expect((await call('GET', '/api/v1/resources/Dataset/mine')).body).toMatchObject({ spec: { title: '改' } });
  });

  test('of datasets whose rules change tell what that causes, in a plan and applied, and their lanes are told', async () => {
    const one = dataset('ruled');
    await register(harness, 'ruled');
    const { datasetId, source } = await publishRows(harness, 'ruled', [[1, '甲']]);
    const edited = { ...one, spec: { ...one.spec, blanks: ['—'] } };
    const plan = () => call('POST', '/api/v1/resources:apply?dryRun=true', [edited]);
    expect((await plan()).body).toMatchObject({ changes: [{ causes: [{ code: 'refresh.read' }] }] });
    const landed = { sync: source.sync, attempt: 1, traceparent };
    await harness.store.put(keys.landingManifest(datasetId, landed), Buffer.from('{}'), 'application/json');
    const causes = [{ code: 'refresh.landed', message: expect.stringContaining('from what landed at') }];
    expect((await plan()).body).toMatchObject({ changes: [{ causes }] });
    expect(harness.dispatched).toEqual([]);
    const applied = await call('POST', '/api/v1/resources:apply', [edited]);
    expect(applied.body).toMatchObject({ changed: 1, changes: [{ causes }] });
    expect(applied.body).not.toHaveProperty('lanes');
    const [{ sync: opened } = { sync: '' }] = harness.dispatched;
    expect((await call('GET', `/api/v1/syncs/${opened}`)).body).toMatchObject({
      purpose: 'rules',
      refresh: { state: 'running' },
    });
    expect(opened).not.toBe(source.sync);
    expect((await call('POST', '/api/v1/resources:apply', [edited])).body).toMatchObject({ unchanged: 1, changes: [] });
    expect(harness.dispatched).toHaveLength(1);
  });

  test('that others depend on are not deleted, and the answer lists these', async () => {
    expect(await call('DELETE', '/api/v1/resources/Department/health-bureau')).toMatchObject({
      status: 409,
      body: { code: 'resource.in-use', dependents: ['Dataset/theirs'] },
    });
    expect((await call('DELETE', '/api/v1/resources/Dataset/mine', undefined, member)).body).toMatchObject({
      dependents: ['Connector/mine-files'],
    });
    expect(await call('DELETE', '/api/v1/resources/Dataset/theirs', undefined, member)).toMatchObject({ status: 404 });
    expect(await call('DELETE', '/api/v1/resources/Domain/nothing')).toMatchObject({ status: 404 });
    expect(await call('DELETE', '/api/v1/resources/Version/x')).toMatchObject({ status: 400 });
    harness.connector.answer = { status: 200, body: { name: 'mine-files' } };
    expect(await call('DELETE', '/api/v1/resources/Connector/mine-files')).toMatchObject({ status: 200 });
    expect(harness.connector.asked.at(-1)?.path).toBe('/connectors/mine-files');
  });
});

describe('revisions', () => {
  test('tell every change with author and difference, and going back makes a new one', async () => {
    const { body } = await call('GET', '/api/v1/resources/Dataset/mine/revisions');
    expect(body.items as unknown as Revision[]).toMatchObject([
      { revision: 2, action: 'change', differences: [{ path: 'spec.title' }] },
      { revision: 1, action: 'create', author: 'alice' },
    ]);
    const back = await call('POST', '/api/v1/resources/Dataset/mine/revisions', { from: 1 }, member);
    expect(back).toMatchObject({ status: 200, body: { changes: [{ revision: 3 }] } });
    expect((await call('GET', '/api/v1/resources/Dataset/mine')).body).toMatchObject({
      metadata: { revision: 3 },
      spec: { title: '录取分数线' },
    });
    expect(await call('POST', '/api/v1/resources/Dataset/mine/revisions', { from: 9 })).toMatchObject({ status: 404 });
  });

  test('of another department are not gone back to, though the resource is mine now', async () => {
    for (const to of [OTHER, 'education-bureau'])
      expect(await call('POST', '/api/v1/resources:apply', [moved('traded', to)])).toMatchObject({ status: 200 });
    expect(await call('POST', '/api/v1/resources/Dataset/traded/revisions', { from: 1 }, member)).toMatchObject({
      status: 404,
      body: { code: 'resource.unknown' },
    });
    expect(await call('POST', '/api/v1/resources/Dataset/traded/revisions', { from: 1 })).toMatchObject({
      status: 200,
    });
  });
});

test('the schema of every kind is the one that checks it, with the config of each kind of source', async () => {
  const config = { type: 'object', properties: { url: { type: 'string' } }, required: ['url'] };
  harness.connector.answer = { status: 200, body: [{ kind: 'http', title: { zh: '', en: '' }, config }] };
  const all = (await call('GET', '/api/v1/schemas', undefined, {})).body;
  expect(Object.keys(all)).toEqual(['Department', 'Domain', 'Dataset', 'Connector', 'Connector:http']);
  expect(all['Connector:http']).toMatchObject({
    properties: {
      spec: { properties: { kind: { const: 'http' }, config }, required: expect.arrayContaining(['config']) },
    },
  });
  const one = (await call('GET', '/api/v1/schemas/Dataset', undefined, {})).body;
  expect(one).toMatchObject({ properties: { spec: { required: ['title', 'department', 'domain'] } } });
  expect(JSON.stringify(one)).toContain('description');
  expect(await call('GET', '/api/v1/schemas/Nothing', undefined, {})).toMatchObject({ status: 404 });
});
