import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { resourceSchema } from '@songhua/contracts';
import { waitFor } from '@songhua/runtime/testing';
import { deploymentOf, type System, startSystem } from '../harness/system.js';

const program = resolve(__dirname, '../../packages/cli/bin/songhua.js');
const folder = mkdtempSync(join(tmpdir(), 'songhua-waiting-'));
const apiVersion = 'songhua/v1';
let system: System;
let server: Server;
/** A source that is asked and has not said everything yet. */
let open: ServerResponse | undefined;

beforeAll(async () => {
  server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/csv' }).write('id,level\n1,3\n');
    open = response;
    response.once('close', () => {
      open = undefined;
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  system = await startSystem({ home: join(folder, 'system'), fileRoots: [folder], ...deploymentOf('waiting') });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/levels.csv`;
  await system.apply([
    { apiVersion, kind: 'Department', metadata: { name: 'water' }, spec: { title: '水务局' } },
    { apiVersion, kind: 'Domain', metadata: { name: 'nature' }, spec: { title: '自然' } },
    resourceSchema.parse({
      apiVersion,
      kind: 'Dataset',
      metadata: { name: 'levels' },
      spec: { title: '水位', department: 'water', domain: 'nature', primaryKey: ['id'] },
    }),
    resourceSchema.parse({
      apiVersion,
      kind: 'Connector',
      metadata: { name: 'levels' },
      spec: { dataset: 'levels', kind: 'http', config: { url } },
    }),
  ]);
}, 300_000);
afterAll(async () => {
  await system?.stop({ wipe: true });
  server?.closeAllConnections();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface Running {
  child: ChildProcess;
  told: { stdout: string; stderr: string };
  exit: Promise<number | null>;
}

function songhua(...args: string[]): Running {
  const env = { ...process.env, SONGHUA_API: system.apiUrl, SONGHUA_API_KEY: system.operatorKey };
  const child = spawn(process.execPath, [program, ...args], { env });
  const told = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told.stderr += text));
  return { child, told, exit: new Promise((ended) => child.once('close', ended)) };
}

const dripping = (): Promise<void> => waitFor('the source to be read', async () => open !== undefined);

test('a wait outlasts the death of the catalog service, and tells the end as if nothing had been', async () => {
  const waiting = songhua('sync', 'levels', '--wait');
  await dripping();
  await system.service('catalog').kill();
  await waitFor('the absence to be told', async () => waiting.told.stderr.includes('waiting for it'));
  await waitFor('the service to be back', async () => waiting.told.stderr.includes('answers again'));
  open?.end('2,4\n');
  expect([await waiting.exit, waiting.told.stdout]).toEqual([0, expect.stringContaining('published 1')]);
}, 120_000);

test('a wait that is interrupted is come back to, and the sync that drips is cancelled from elsewhere', async () => {
  const waiting = songhua('sync', 'levels', '--wait', '--full');
  await dripping();
  waiting.child.kill('SIGINT');
  expect(await waiting.exit).toBe(130);
  const [, request = ''] = /songhua syncs wait (\S+)/.exec(waiting.told.stderr) ?? [];
  const back = songhua('syncs', 'wait', request);
  const { items } = await system.get<{ items: { id: string }[] }>(`/api/v1/syncs?request=${request}`);
  const shown = songhua('syncs', 'show', items[0]?.id ?? '');
  expect([await shown.exit, shown.told.stderr]).toEqual([0, expect.stringMatching(/^reading since /)]);
  const cancel = songhua('syncs', 'cancel', items[0]?.id ?? '', '--reason', '换一个时间');
  expect([await cancel.exit, cancel.told.stderr]).toEqual([0, '']);
  expect([await back.exit, back.told.stdout]).toEqual([1, expect.stringContaining('sync.cancelled')]);
  await waitFor('the source to be left', async () => open === undefined);
  expect(await system.get('/api/v1/datasets/levels')).toMatchObject({ version: 1, rows: 2 });
}, 120_000);
