import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { namesOf, type Resource, resourceSchema } from '@songhua/contracts';
import { waitFor } from '@songhua/runtime/testing';
import { Connection, Client as Temporal } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { Kafka, logLevel } from 'kafkajs';
import { Client as Postgres } from 'pg';
import { violations } from '../harness/invariants.js';
import { deploymentOf, type System, startSystem } from '../harness/system.js';

const folder = mkdtempSync(join(tmpdir(), 'songhua-operating-'));
const canary = `canary-${randomBytes(12).toString('hex')}`;
const apiVersion = 'songhua/v1';
let system: System;
let server: Server;
let answer: (authorization: string) => { status: number; body: string };

beforeAll(async () => {
  // A source that repeats what it was sent, as debug pages do.
  server = createServer((request, response) => {
    const { status, body } = answer(String(request.headers.authorization));
    response.writeHead(status, { 'content-type': 'text/csv' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  system = await startSystem({ home: join(folder, 'system'), fileRoots: [folder], ...deploymentOf('operating') });
  await system.apply([
    { apiVersion, kind: 'Department', metadata: { name: 'education' }, spec: { title: '教育局' } },
    { apiVersion, kind: 'Domain', metadata: { name: 'society' }, spec: { title: '社会' } },
  ]);
}, 300_000);
afterAll(async () => {
  await system?.stop({ wipe: true });
  server?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const datasetOf = (name: string, more: object = {}): Resource =>
  resourceSchema.parse({
    apiVersion,
    kind: 'Dataset',
    metadata: { name },
    spec: { title: name, department: 'education', domain: 'society', primaryKey: ['id'], ...more },
  });
const connectorOf = (name: string, more: object): Resource =>
  resourceSchema.parse({
    apiVersion,
    kind: 'Connector',
    metadata: { name },
    spec: { dataset: name, kind: 'file', config: { path: join(folder, `${name}.csv`) }, ...more },
  });
const source = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.csv`;
const post = async (path: string, body: unknown): Promise<{ status: number; text: string }> => {
  const response = await fetch(new URL(path, system.apiUrl), {
    method: 'POST',
    headers: { authorization: `Bearer ${system.operatorKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
};
const refreshOf = async (sync: string) =>
  (await system.get<{ refresh: { state: string; version: number | null } | null }>(`/api/v1/syncs/${sync}`)).refresh;
const versionOf = (dataset: string) => system.get<{ version: number; rows: number }>(`/api/v1/datasets/${dataset}`);

describe('a secret', () => {
  const forms = [canary, Buffer.from(canary).toString('base64'), Buffer.from(`city:${canary}`).toString('base64')];
  const seen: string[] = [];
  // That the search finds what is there: the connector's name, and the sync's id, which is all that a workflow knows.
  const marks = ['guarded'];
  const control = new Set<string>();
  const clean = (where: string, text: string): void => {
    for (const form of forms) if (text.includes(form)) seen.push(where);
    if (marks.some((mark) => text.includes(mark))) control.add(where.split(' ')[0] ?? '');
  };

  test('is used for the source and shown nowhere: not in an answer, log, topic, history, export, revision or table', async () => {
    const secrets = { username: { value: 'city' }, password: { value: canary } };
    const connector = (url: string) => connectorOf('guarded', { kind: 'http', config: { url }, secrets });
    let used = 0;
    answer = (authorization) => {
      if (authorization === `Basic ${Buffer.from(`city:${canary}`).toString('base64')}`) used++;
      return { status: 200, body: 'id,score\n1,90\n2,八十\n' };
    };
    await system.apply([datasetOf('guarded', { guards: { maxRejected: 1, maxShrink: 1 } })]);
    const exposed = await post('/api/v1/resources:apply', [connector(source().replace('://', `://city:${canary}@`))]);
    expect(exposed).toMatchObject({ status: expect.any(Number), text: expect.stringContaining('secrets') });
    expect(exposed.status).toBeGreaterThanOrEqual(400);
    clean('a refusal', exposed.text);
    clean('apply', (await post('/api/v1/resources:apply', [connector(source())])).text);
    for (const action of ['test', 'discover', 'preview', 'dry-run']) {
      clean(action, (await post(`/api/v1/connectors:${action}`, { resource: connector(source()) })).text);
      clean(action, (await post(`/api/v1/connectors:${action}`, { name: 'guarded' })).text);
    }
    const working = await system.sync({ connectors: ['guarded'] });
    expect(working).toMatchObject({ published: 1, failed: 0 });
    expect(used).toBeGreaterThan(0);
    const { items } = await system.get<{ items: { id: string }[] }>('/api/v1/syncs?connector=guarded');
    marks.push(...items.map(({ id }) => id));

    answer = (authorization) => ({ status: 403, body: `denied: ${authorization} ${canary}` });
    clean('test', (await post('/api/v1/connectors:test', { name: 'guarded' })).text);
    const failing = await system.sync({ connectors: ['guarded'] });
    expect(failing).toMatchObject({ failed: 1 });
    clean('progress', JSON.stringify(failing));
    answer = (authorization) => ({ status: 200, body: `id,score\n${authorization}` });
    await system.sync({ connectors: ['guarded'] });

    for (const path of [
      '/api/v1/connectors',
      '/api/v1/connectors/guarded',
      '/api/v1/resources',
      '/api/v1/resources/Connector/guarded',
      '/api/v1/resources/Connector/guarded/revisions',
      '/api/v1/audit',
      '/api/v1/syncs?connector=guarded',
      '/api/v1/notices',
      '/api/v1/changes',
      '/metrics',
    ])
      clean(path, JSON.stringify(await system.get(path).catch((error: unknown) => String(error))));
    expect(JSON.stringify(await system.get('/api/v1/resources/Connector/guarded'))).toContain('stored');
    for (const log of readdirSync(join(system.home, 'logs')))
      clean(log, readFileSync(join(system.home, 'logs', log), 'utf8'));
    await searchKafka();
    await searchTemporal();
    await searchPostgres();
    expect(seen).toEqual([]);
    for (const place of ['topic', 'workflow', 'table', 'connector.log', 'apply', '/api/v1/audit'])
      expect(control).toContain(place);
  }, 120_000);

  async function searchKafka(): Promise<void> {
    const kafka = new Kafka({ brokers: system.engines.endpoints.brokers, logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    const topics = Object.values(namesOf(system.engines.endpoints.deployment).topics);
    const ends = await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
    await admin.disconnect();
    const expected = ends.flat().reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
    expect(expected).toBeGreaterThan(3);
    const consumer = kafka.consumer({ groupId: canary.slice(-8) });
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    let read = 0;
    await consumer.run({
      eachMessage: async ({ topic, message }) => {
        const headers = JSON.stringify(message.headers, (_, value) =>
          value?.type === 'Buffer' ? Buffer.from(value.data).toString() : value,
        );
        // Rows are data of the source; the echo above is one that the source chose to publish.
        const isRows = headers.includes('record-batch') || headers.includes('rejected-batch');
        clean(`topic ${topic}`, `${headers} ${message.key} ${isRows ? '' : message.value}`);
        read++;
      },
    });
    await waitFor('every message', async () => read >= expected);
    await consumer.disconnect();
  }

  async function searchTemporal(): Promise<void> {
    const connection = await Connection.connect({ address: system.engines.endpoints.temporalAddress });
    const client = new Temporal({ connection, namespace: system.engines.endpoints.temporalNamespace });
    let workflows = 0;
    for await (const { workflowId, runId } of client.workflow.list()) {
      const history = historyToJSON(await client.workflow.getHandle(workflowId, runId).fetchHistory());
      const payloads = history.replace(/"data":\s*"([A-Za-z0-9+/=]+)"/g, (_, data: string) =>
        Buffer.from(data, 'base64').toString(),
      );
      clean(`workflow ${workflowId}`, payloads);
      workflows++;
    }
    expect(workflows).toBeGreaterThan(0);
    await connection.close();
  }

  async function searchPostgres(): Promise<void> {
    const database = new Postgres({ connectionString: system.engines.endpoints.databaseUrl });
    await database.connect();
    const { rows } = await database.query<{ name: string }>(
      `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
    );
    for (const { name } of rows) {
      const { rows: all } = await database.query<{ row: string }>(`SELECT t::text AS row FROM "${name}" t`);
      clean(`table ${name}`, all.map(({ row }) => row).join('\n'));
    }
    const { rows: sealed } = await database.query('SELECT value FROM connector_secret');
    expect(sealed.length).toBe(2);
    await database.end();
  }
});

test('a held refresh is approved, another rejected, and a rule changed lets rejected rows pass; everything reconciles', async () => {
  const write = (rows: string[]) => writeFile(join(folder, 'scores.csv'), ['id,score', ...rows, ''].join('\n'));
  const guards = { maxShrink: 0.5, maxRejected: 0.5 };
  const columns = (blanks: string[]) => [
    { name: 'id', type: 'integer' },
    { name: 'score', type: 'decimal', ...(blanks.length > 0 && { blanks }) },
  ];
  await system.apply([datasetOf('scores', { guards, columns: columns([]) }), connectorOf('scores', {})]);
  await write(['1,90', '2,80', '3,70', '4,缺考', '5,60', '6,50']);
  await system.sync({ connectors: ['scores'] });

  const [entry] = (
    await system.get<{ items: { sync: string; groups: object[] }[] }>('/api/v1/quarantine?dataset=scores')
  ).items;
  expect(entry?.groups).toMatchObject([{ field: 'score', count: 1, replayable: 1 }]);
  await system.apply([datasetOf('scores', { guards, columns: columns(['缺考']) })]);
  await waitFor('the data by the new rules', async () => (await versionOf('scores')).version === 2);
  expect(await versionOf('scores')).toMatchObject({ rows: 6 });

  await write(['1,91']);
  const held = await system.sync({ connectors: ['scores'] });
  expect(held).toMatchObject({ held: 1 });
  const decide = (approve: boolean) =>
    system.post(`/api/v1/holds/${held.failures[0]?.sync}:decide`, { approve, reason: '撤销其余考点' });
  expect(await decide(true)).toMatchObject({ approved: true });
  await waitFor(
    'the approved refresh',
    async () => (await refreshOf(held.failures[0]?.sync ?? ''))?.state === 'published',
  );

  await write([]);
  const empty = await system.sync({ connectors: ['scores'] });
  const rejected = empty.failures[0]?.sync ?? '';
  await system.post(`/api/v1/holds/${rejected}:decide`, { approve: false, reason: '空文件' });
  expect(await refreshOf(rejected)).toMatchObject({ state: 'failed', reason: { code: 'hold.rejected' } });
  expect(await system.get('/api/v1/datasets/scores')).toMatchObject({ version: 3, rows: 1 });
  expect(await violations(system)).toEqual([]);
}, 120_000);

describe('on the command line', () => {
  const songhua = (args: string[], input = '') => {
    const program = resolve(__dirname, '../../packages/cli/bin/songhua.js');
    const env = { ...process.env, SONGHUA_API: system.apiUrl, SONGHUA_API_KEY: system.operatorKey };
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
      env,
      input,
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  };
  const write = (rows: string[]) => writeFile(join(folder, 'lines.csv'), ['id,score', ...rows, ''].join('\n'));

  test('a hold is decided, and exit codes tell what became of it', async () => {
    const guards = { maxShrink: 0.5, maxRejected: 0.1 };
    const columns = [
      { name: 'id', type: 'integer' },
      { name: 'score', type: 'decimal' },
    ];
    await system.apply([datasetOf('lines', { guards, columns }), connectorOf('lines', {})]);
    await write(['1,90', '2,80', '3,70', '4,60']);
    await system.sync({ connectors: ['lines'] });
    // Too few rows are good, and too few of them are left: one decision is not enough.
    await write(['1,九十', '2,八十', '3,71']);
    const { failures } = await system.sync({ connectors: ['lines'] });
    const sync = failures[0]?.sync ?? '';
    const decide = ['holds', 'decide', sync, '--approve', '--reason', '已核实'];
    expect(songhua(['holds', 'list']).stdout).toContain(sync);
    expect(songhua(decide)).toMatchObject({ status: 3, stdout: expect.stringContaining('guard.shrink') });
    expect(songhua(decide)).toMatchObject({ status: 0, stdout: expect.stringContaining('version 2') });
    expect(songhua(decide)).toMatchObject({ status: 1, stderr: expect.stringContaining('hold.ended') });
    expect(songhua(['holds', 'decide', sync, '--reason', 'x']).status).toBe(2);
  }, 60_000);

  test('rejected rows are listed by reason and forecast, and changed rules read them again with all that landed', async () => {
    expect(songhua(['quarantine', 'list', '--dataset', 'lines']).stdout).toMatch(/lines .*score .*2 /);
    const again = songhua(['quarantine', 'replay', 'lines', '--dry-run', '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ asked: 2, passing: 0, failing: [{ field: 'score', count: 2 }] });
    const columns = [
      { name: 'id', type: 'integer' },
      { name: 'score', type: 'decimal', blanks: ['九十'] },
    ];
    const guards = { maxShrink: 0.5, maxRejected: 0.5 };
    const file = join(folder, 'lines.json');
    await writeFile(file, JSON.stringify(datasetOf('lines', { columns, guards })));
    const anew = expect.stringContaining('made anew by these rules, from what landed');
    expect(songhua(['plan', '-f', file])).toMatchObject({ status: 0, stdout: anew });
    expect(songhua(['apply', '-f', file])).toMatchObject({ status: 0, stdout: anew });
    await waitFor('the data by the new rules', async () => (await versionOf('lines')).version === 3);
    expect(songhua(['quarantine', 'list', '--dataset', 'lines']).stdout).toMatch(/lines .*score .*1 /);
    expect(songhua(['apply', '-f', file]).stdout).toContain('unchanged 1');
    expect(songhua(['sync', 'lines', '--wait'])).toMatchObject({ status: 0 });
    expect(await versionOf('lines')).toMatchObject({ version: 3, rows: 2 });
  }, 60_000);

  test('what should not have been published is rolled back, and stays so until all of the source is read again', async () => {
    const back = (version: number) => songhua(['versions', 'rollback', 'lines', `${version}`, '--reason', '发布有误']);
    const inSync = async () => (await system.get<{ inSync: string }>('/api/v1/datasets/lines')).inSync;
    expect(back(1)).toMatchObject({ status: 0, stdout: 'lines: published, version 4, as version 1 was\n' });
    expect(await versionOf('lines')).toMatchObject({ version: 4, rows: 4 });
    expect(back(1)).toMatchObject({ status: 0, stdout: expect.stringContaining('unchanged, version 4 is served') });
    expect(back(9)).toMatchObject({ status: 2, stderr: expect.stringContaining('version.unknown') });
    expect(songhua(['sync', 'lines', '--wait'])).toMatchObject({ status: 0 });
    expect(await versionOf('lines')).toMatchObject({ version: 4 });
    expect(await inSync()).toBe('differs');
    expect(songhua(['sync', 'lines', '--full', '--wait'])).toMatchObject({ status: 0 });
    expect(await versionOf('lines')).toMatchObject({ version: 5, rows: 2 });
    expect(await inSync()).toBe('confirmed');
    expect(await violations(system)).toEqual([]);
  }, 60_000);

  test('rejected rows of what was pushed in parts are replayed by changed rules', async () => {
    const guards = { maxShrink: 0.5, maxRejected: 0.5 };
    const columns = (blanks: string[]) => [
      { name: 'id', type: 'integer' },
      { name: 'score', type: 'decimal', blanks },
    ];
    const pushed = { kind: 'push', mode: 'merge', config: {} };
    await system.apply([datasetOf('parts', { guards, columns: columns([]) }), connectorOf('parts', pushed)]);
    await writeFile(join(folder, 'parts.csv'), 'id,score\n1,90\n2,80\n3,缺考\n');
    expect(songhua(['push', 'parts', join(folder, 'parts.csv'), '--wait'])).toMatchObject({ status: 0 });
    await system.apply([datasetOf('parts', { guards, columns: columns(['缺考']) })]);
    const forecast = songhua(['quarantine', 'replay', 'parts', '--dry-run', '--json']);
    expect(JSON.parse(forecast.stdout)).toMatchObject({ asked: 1, passing: 1, failing: [] });
    expect(songhua(['quarantine', 'replay', 'parts'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/version 2; 0 rows are still rejected/),
    });
    expect(await versionOf('parts')).toMatchObject({ rows: 3 });
  }, 60_000);

  test('a secret is given from standard input, and keys are rotated', async () => {
    expect(songhua(['secrets', 'set', 'guarded', 'password'], `${canary}\n`)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('as it was'),
    });
    const set = songhua(['secrets', 'set', 'guarded', 'password'], 'another one');
    expect(set).toMatchObject({ status: 0, stdout: expect.stringContaining('is set') });
    expect(songhua(['secrets', 'set', 'guarded', 'password']).status).toBe(2);
    const rotated = songhua(['secrets', 'rotate', '--json']);
    expect(JSON.parse(rotated.stdout)).toMatchObject({ key: 'k1', secrets: 3, rewrapped: 0 });
    expect(songhua(['notices']).status).toBe(0);
  }, 60_000);
});
