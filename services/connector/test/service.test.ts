import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Cursor, keys, type Manifest, type Problem } from '@songhua/contracts';
import { completedOf, createWorld, type Replica, type World, waitFor } from './world.js';

let world: World;
let replica: Replica;
beforeAll(async () => {
  world = await createWorld();
  replica = await world.replica();
}, 60_000);
afterAll(() => world?.close(), 60_000);

const csv = (rows: number): string =>
  `id,name\n${Array.from({ length: rows }, (_, row) => `${row},"松北区, ${row}"\n`).join('')}`;

describe('a sync of a changed source', () => {
  test('is on the topic whole: batches without gaps, then a closing event whose counts and hash agree', async () => {
    await world.write('whole.csv', `${csv(60_000)}7,too,many\n`);
    await world.register(replica, { whole: {} });
    const [sync = ''] = await replica.syncNow('whole');
    const { messages, text, completed, details, lines } = await completedOf(world, sync);

    expect(messages.map(({ envelope }) => envelope.sequence)).toEqual(messages.map((_, index) => index));
    expect(messages.length).toBeGreaterThan(3);
    for (const { envelope, value } of messages)
      expect(envelope).toMatchObject({
        dataset: 'whole',
        connector: 'whole',
        attempt: 1,
        sha256: createHash('sha256').update(value).digest('hex'),
      });
    expect(text).toBe(csv(60_000).slice('id,name\n'.length));
    expect(completed).toMatchObject({
      mode: 'full',
      number: 1,
      batches: messages.length - 1,
      rows: 60_000,
      rejected: 1,
      bytes: Buffer.byteLength(text),
      sha256: createHash('sha256').update(text).digest('hex'),
    });
    expect(details).toMatchObject({ columns: [{ name: 'id' }, { name: 'name' }], files: [{ name: 'whole.csv' }] });
    expect(lines).toEqual([{ row: 0, line: 2, file: 0 }]);
    const ended = await world.ended(sync);
    expect(ended).toMatchObject({ state: 'delivered', rows: 60_000, rejected: 1, attempt: 1, reason: null });
  });

  test('without rows has a closing event all the same', async () => {
    await world.write('header-only.csv', 'id,name\n');
    await world.register(replica, { 'header-only': {} });
    const [sync = ''] = await replica.syncNow('header-only');
    const { messages, completed } = await completedOf(world, sync);
    expect(messages).toHaveLength(2);
    expect(completed).toMatchObject({ rows: 0, batches: 1, details: 1 });
  });

  test('of a department that does not exist is wrong input, not a request for nothing', async () => {
    expect(await replica.call('/syncs', { department: 'eduction' })).toMatchObject({
      status: 400,
      body: { code: 'sync.request-invalid', detail: expect.stringContaining('no Department eduction') },
    });
  });

  test('asked for twice with one request id runs once', async () => {
    await world.write('idempotent.csv', csv(2));
    await world.register(replica, { idempotent: {} });
    const ask = { connectors: ['idempotent'], request: 'same' };
    const first = await replica.call('/syncs', ask);
    expect((await replica.call('/syncs', ask)).body).toEqual(first.body);
    expect(first).toMatchObject({ status: 202, body: { request: 'same', syncs: [{ connector: 'idempotent' }] } });
  });

  test('asked for again under one request id has the same answer when the connector takes no new one since', async () => {
    await world.write('retired.csv', csv(2));
    await world.register(replica, { retired: {} });
    const ask = { connectors: ['retired'], request: 'again' };
    const first = await replica.call('/syncs', ask);
    expect(await replica.call('/connectors/retired/retire', {})).toMatchObject({ status: 200 });
    expect(await replica.call('/syncs', ask)).toEqual(first);
    expect(await replica.call('/syncs', { ...ask, request: 'another' })).toMatchObject({
      body: { code: 'connector.not-running' },
    });
  });
});

describe('a sync of an unchanged source', () => {
  test('ends as unchanged without a message, and reads all the same when asked for in full', async () => {
    await world.write('steady.csv', csv(10));
    await world.register(replica, { steady: {} });
    const [first = ''] = await replica.syncNow('steady');
    const { details } = await completedOf(world, first);
    await publish(first, details.cursor);

    const [second = ''] = await replica.syncNow('steady');
    expect(await world.ended(second)).toMatchObject({ state: 'unchanged', rows: 0 });
    const { body } = await replica.call<{ syncs: { sync: string }[] }>('/syncs', {
      connectors: ['steady'],
      full: true,
    });
    const third = body.syncs[0]?.sync ?? '';
    expect((await completedOf(world, third)).completed.rows).toBe(10);
    expect(world.received.filter(({ envelope }) => envelope.sync === second)).toEqual([]);
  });

  const publish = async (id: string, cursor: Cursor): Promise<void> => {
    const { dataset, datasetId, connector, number, rows, bytes, traceparent } = await world.ended(id);
    await world.catalog.syncs.land(id, {
      claim: 1,
      attempt: 1,
      manifest: `landing/${id}`,
      rows,
      rejected: 0,
      bytes,
      content: id,
    });
    await world.catalog.refreshes.begin({ sync: id, attempt: 1 });
    const none = { unchanged: 0, deduplicated: 0, deleted: 0, withheld: 0, rejected: 0 };
    const manifest: Manifest = {
      schema: 'songhua.manifest/1',
      dataset,
      datasetId,
      version: 1,
      identity: `sha256:${'0'.repeat(64)}`,
      previous: null,
      columns: [{ name: 'id', type: 'integer', nullable: true }],
      primaryKey: [],
      rows,
      counts: { ...none, read: rows, published: rows },
      changes: { added: rows, changed: 0, removed: 0 },
      files: [
        {
          name: 'data.parquet',
          key: `datasets/${datasetId}/versions/1/x/data.parquet`,
          mediaType: 'application/vnd.apache.parquet',
          bytes: 1,
          sha256: '0'.repeat(64),
        },
      ],
      source: { connector, sync: id, number, files: [], changedAt: null },
      cursor,
      createdAt: new Date().toISOString(),
      traceparent,
    };
    await world.catalog.refreshes.publish(manifest, keys.manifest(datasetId, 1), { count: 0, byCode: {} });
  };
});

describe('a sync that cannot be read', () => {
  test('fails with a reason that says who can act, and leaves nothing on the topic', async () => {
    await world.register(replica, { gone: {} });
    const [sync = ''] = await replica.syncNow('gone');
    expect(await world.ended(sync)).toMatchObject({
      state: 'failed',
      reason: { code: 'source.missing', actor: 'department', retryable: false },
    });
    expect(world.received.filter(({ envelope }) => envelope.sync === sync)).toEqual([]);
  });

  test('for a moment is read again, as a higher attempt', async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked++;
      if (asked === 1) response.writeHead(503).end();
      else response.end(csv(3));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x.csv`;
    await world.register(replica, { flaky: { kind: 'http', config: { url } } });
    const [sync = ''] = await replica.syncNow('flaky');
    const { messages } = await completedOf(world, sync);
    expect(new Set(messages.map(({ envelope }) => envelope.attempt))).toEqual(new Set([2]));
    expect(await world.ended(sync)).toMatchObject({ state: 'delivered', rows: 3, attempt: 1 });
    server.close();
  });

  test('leaves no temporary file', async () => {
    const temp = join(world.root, '.temp');
    await waitFor(async () => {
      const left = (await readdir(temp, { recursive: true })).filter((name) => name.includes('read-'));
      return left.length === 0 || undefined;
    });
  });
});

describe('the HTTP interface', () => {
  test('refuses a connector that could never run, saying what and where', async () => {
    const bad = (spec: Record<string, unknown>) =>
      replica.call<Problem>('/connectors:apply', {
        resources: [
          {
            apiVersion: 'songhua/v1',
            kind: 'Connector',
            metadata: { name: 'bad' },
            spec: { dataset: 'whole', ...spec },
          },
        ],
      });
    expect(await bad({ kind: 'ftp' })).toMatchObject({ status: 400, body: { code: 'connector.kind-unknown' } });
    expect(await bad({ kind: 'file', config: { paths: 'x' } })).toMatchObject({
      status: 400,
      body: { code: 'connector.config-invalid', detail: expect.stringContaining('config.path') },
    });
    expect(await bad({ kind: 'file', config: { path: 'x' }, schedule: { cron: '0 99 * * *' } })).toMatchObject({
      status: 400,
      body: { code: 'connector.schedule-invalid', detail: expect.stringContaining('Connector/bad') },
    });
  });

  test('lists kinds with their config as JSON Schema, and answers probes', async () => {
    const { body } = await replica.call<{ kind: string; config: { required: string[] } }[]>('/connectors:kinds');
    expect(body.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['file', 'http', 'postgres']));
    expect(body[0]?.config.required).toEqual(['path']);
    expect((await replica.call('/healthz')).status).toBe(200);
    expect(await replica.call('/readyz')).toMatchObject({
      status: 200,
      body: { ready: true, engines: { postgres: 'ok', kafka: 'ok', 'object-store': 'ok' } },
    });
    const metrics = await (await fetch(`${replica.url}/metrics`)).text();
    expect(metrics).toContain('songhua_syncs_total');
  });

  test('pauses, resumes and deletes connectors, and says when there is none', async () => {
    await world.register(replica, { paused: {} });
    expect((await replica.call('/connectors/paused/pause', {})).status).toBe(200);
    expect(await world.catalog.connectors.get('paused')).toMatchObject({ state: 'paused' });
    const all = await replica.call<{ syncs: { connector: string }[] }>('/syncs', { department: 'education' });
    expect(all.body.syncs.map((sync) => sync.connector)).not.toContain('paused');
    expect((await replica.call('/connectors/paused/resume', {})).status).toBe(200);
    expect((await replica.call('/connectors/paused', undefined, 'DELETE')).status).toBe(200);
    expect((await replica.call('/connectors/paused', undefined, 'DELETE')).status).toBe(404);
    expect(await replica.call('/syncs', { connectors: ['paused'] })).toMatchObject({
      status: 404,
      body: { code: 'connector.unknown' },
    });
  });
});
