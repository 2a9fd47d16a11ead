import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { encodePrincipal, keys, type Manifest, PRINCIPAL_HEADER, type Problem } from '@songhua/contracts';
import { createTables, linesOf } from '@songhua/tables';
import { createWorld, type Replica, type World } from './world.js';

let world: World;
let replica: Replica;
beforeAll(async () => {
  world = await createWorld();
  replica = await world.replica();
}, 60_000);
afterAll(() => world?.close(), 60_000);

const scores = `编号,学校,录取日期,分数\n${Array.from({ length: 30 }, (_, i) => `${i + 1},第${i}中学,2026年1月${i + 1}日,${500 + i}.5`).join('\n')}\n三十一,坏行,2026年1月31日,511\n`;
const resource = (path: string, more: object = {}) => ({
  spec: { dataset: 'trial', kind: 'file', config: { path }, ...more },
});
const dataset = (more: object = {}) => ({
  spec: { title: '录取', department: 'education', domain: 'science', primaryKey: ['编号'], ...more },
});
const ask = <T>(action: string, body: unknown) => replica.call<T>(`/connectors:${action}`, body);

describe('a trial', () => {
  test('previews rows as the public would see them: typed, without the rejected ones, each with line and reason', async () => {
    await world.write('scores.csv', scores.replaceAll('三十一', '31'));
    await world.write('bad.csv', scores);
    const { body, status } = await ask<Record<string, unknown>>('preview', {
      resource: resource('bad.csv'),
      dataset: dataset({
        columns: [
          { name: '编号', type: 'integer' },
          { name: '学校', type: 'string' },
          { name: '录取日期', type: 'date' },
          { name: '分数', type: 'decimal' },
        ],
      }),
      rows: 2,
    });
    expect([status, body]).toEqual([200, expect.anything()]);
    expect(body).toMatchObject({
      columns: [
        { name: '编号', type: 'integer' },
        { name: '学校', type: 'string' },
        { name: '录取日期', type: 'date' },
        { name: '分数', type: 'decimal' },
      ],
      rows: [
        { 编号: 1, 学校: '第0中学', 录取日期: '2026-01-01', 分数: '500.5' },
        { 编号: 2, 录取日期: '2026-01-02' },
      ],
      rejected: [{ line: 32, field: '编号', code: expect.stringMatching(/^(cell|key|type)\./) }],
      rejectedCount: 1,
      rowsRead: 31,
      complete: true,
    });
  });

  test('discovers types, a key and how often the rows change, where the source itself knows none of it', async () => {
    const { body } = await ask('discover', { resource: resource('scores.csv') });
    expect(body).toMatchObject({
      streams: [
        {
          name: 'scores.csv',
          columns: [
            { name: '编号', type: 'integer' },
            { name: '学校', type: 'string' },
            { name: '录取日期', type: 'date' },
            { name: '分数', type: 'decimal' },
          ],
          suggested: { key: ['编号'], cursor: null, mode: 'full', frequency: 'DAILY' },
          config: { path: 'scores.csv' },
        },
      ],
    });
  });

  test('dry-runs a new dataset to what its first version would be, and stores nothing', async () => {
    const { body, status } = await ask('dry-run', { resource: resource('scores.csv'), dataset: dataset(), rows: 1 });
    expect([status, body]).toMatchObject([
      200,
      {
        outcome: 'published',
        reason: null,
        present: null,
        rows: 31,
        counts: { read: 31, published: 31, rejected: 0 },
        changes: { added: 31, changed: 0, removed: 0 },
        first: [{ 编号: 1 }],
        complete: true,
      },
    ]);
    const held = await ask('dry-run', {
      resource: resource('bad.csv'),
      dataset: dataset({ columns: [{ name: '编号', type: 'integer' }], guards: { maxRejected: 0.01 } }),
    });
    expect(held.body).toMatchObject({
      outcome: 'held',
      reason: { code: 'guard.rejected', actor: 'department' },
      rejectedCount: 1,
      rows: 30,
    });
    expect(await world.catalog.syncs.list({ limit: 10, offset: 0 })).toEqual([]);
  });

  test('dry-runs a published dataset against the version that is served, under its guards', async () => {
    await world.write('published.csv', 'id,name\n1,a\n2,b\n3,c\n4,d\n');
    await world.register(replica, { published: {} });
    await publish('published', ['1,a', '2,b', '3,c', '4,d']);
    expect((await ask('dry-run', { name: 'published' })).body).toMatchObject({
      outcome: 'unchanged',
      present: { version: 1, rows: 4 },
    });
    await world.write('published.csv', 'id,name\n1,a\n2,x\n3,c\n5,e\n');
    expect((await ask('dry-run', { name: 'published' })).body).toMatchObject({
      outcome: 'published',
      changes: { added: 2, changed: 0, removed: 2 },
      rows: 4,
    });
    await world.write('published.csv', 'id,name\n1,a\n');
    expect((await ask('dry-run', { name: 'published' })).body).toMatchObject({
      outcome: 'held',
      reason: { code: 'guard.shrink' },
      changes: { added: 0, removed: 3 },
    });
  });

  test('of a source that cannot be read is 422 and says who can act; of a wrong config 400', async () => {
    expect(await ask<Problem>('test', { resource: resource('nowhere.csv') })).toMatchObject({
      status: 422,
      body: { code: 'source.missing', actor: 'department', title: 'The request cannot be carried out as it is' },
    });
    expect(
      await ask<Problem>('preview', { resource: { spec: { dataset: 'x', kind: 'file', config: { pfad: 'x' } } } }),
    ).toMatchObject({
      status: 400,
      body: { code: 'connector.config-invalid', actor: 'department' },
    });
    expect(
      await ask<Problem>('dry-run', { resource: resource('scores.csv'), dataset: dataset({ primaryKey: ['没有'] }) }),
    ).toMatchObject({
      status: 422,
      body: { code: 'schema.key-missing' },
    });
    expect((await ask('test', { resource: resource('scores.csv') })).status).toBe(200);
  });

  test("of a department reaches neither other departments' references nor their folders, whatever the file says", async () => {
    const roots = join(world.root, 'closed');
    await mkdir(roots);
    await writeFile(join(roots, 'theirs.csv'), scores);
    const closed = await world.replica({ SONGHUA_FILE_ROOTS: `${world.root}:health=${roots}` });
    const department = { role: 'department', department: 'education', id: 'key:member', actions: null } as const;
    const as = { [PRINCIPAL_HEADER]: encodePrincipal(department) };
    const tried = async (tested: object): Promise<string> =>
      (await closed.call<Problem>('/connectors:test', { resource: tested, dataset: dataset() }, 'POST', as)).body.code;
    const http = { dataset: 'trial', kind: 'http', config: { url: 'http://127.0.0.1:1/' } };
    process.env.SONGHUA_SECRET_HEALTH__TOKEN = 'canary';
    expect(await tried({ spec: { ...http, secrets: { token: { env: 'SONGHUA_SECRET_HEALTH__TOKEN' } } } })).toBe(
      'connector.secret-unresolved',
    );
    expect(await tried(resource('closed/theirs.csv'))).toBe('source.missing');
    expect(await tried(resource('scores.csv'))).toBeUndefined();
    delete process.env.SONGHUA_SECRET_HEALTH__TOKEN;
    await closed.stop();
  });

  test('never answers with a secret, not even one that the source sends back', async () => {
    const secret = 'canary-secret-7f3a';
    const server = createServer((request, response) => response.end(`id,echo\n1,${request.headers.authorization}\n`));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.csv`;
    const asked = {
      resource: { spec: { dataset: 'trial', kind: 'http', config: { url }, secrets: { token: { value: secret } } } },
    };
    for (const action of ['test', 'discover', 'preview', 'dry-run']) {
      const { status, body } = await ask(action, asked);
      expect([action, status]).toEqual([action, 200]);
      expect(JSON.stringify(body)).not.toContain(secret);
    }
    expect(JSON.stringify((await ask('preview', asked)).body)).toContain('Bearer ***');
    server.close();
  });
});

/** Publishes rows `id,name` as version 1, as the refresh service would. */
async function publish(name: string, lines: string[]): Promise<void> {
  const [id = ''] = await replica.syncNow(name);
  const { dataset: called, datasetId, connector, number, traceparent } = await world.ended(id);
  const folder = await mkdtemp(join(world.root, '.publish-'));
  const tables = createTables({ memoryMb: 128, threads: 1, tempDirectory: folder });
  await writeFile(join(folder, 'part.gz'), gzipSync(`${lines.join('\n')}\n`));
  const result = await tables.normalize({
    parts: [join(folder, 'part.gz')],
    columns: ['id', 'name'].map((column) => ({ name: column, source: column })),
    files: [],
    lines: linesOf([]),
    rows: lines.length,
    readerRejected: 0,
    mode: 'full',
    scope: 'all',
    operations: false,
    reset: false,
    primaryKey: [],
    schemaPolicy: 'hold',
    maxRejected: 1,
    maxShrink: 1,
    overrides: [],
    out: folder,
  });
  await tables.close();
  const key = `datasets/${datasetId}/versions/1/x/data.parquet`;
  await world.store.putFile(key, join(folder, 'data.parquet'), 'application/vnd.apache.parquet');
  await world.catalog.syncs.land(id, {
    claim: 1,
    attempt: 1,
    manifest: `landing/${id}`,
    rows: 4,
    rejected: 0,
    bytes: 1,
    content: id,
  });
  await world.catalog.refreshes.begin({ sync: id, attempt: 1 });
  const manifest: Manifest = {
    schema: 'songhua.manifest/1',
    dataset: called,
    datasetId,
    version: 1,
    identity: result.identity,
    previous: null,
    columns: result.schema.columns,
    primaryKey: [],
    rows: result.rows,
    counts: result.counts,
    changes: result.changes,
    files: [
      { name: 'data.parquet', key, mediaType: 'application/vnd.apache.parquet', bytes: 1, sha256: '0'.repeat(64) },
    ],
    source: { connector, sync: id, number, files: [], changedAt: null },
    cursor: {},
    createdAt: new Date().toISOString(),
    traceparent,
  };
  await world.catalog.refreshes.publish(manifest, keys.manifest(datasetId, 1), { count: 0, byCode: {} });
}
