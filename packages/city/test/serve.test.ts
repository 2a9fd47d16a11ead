import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type CityServer, serve } from '@songhua/city';

const BODY = `编号,名称\n${'1,松花江\n'.repeat(20_000)}`;
const PATH = '/bureau/list.csv';
let dir: string;
let server: CityServer;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'songhua-city-'));
  await mkdir(join(dir, 'http/bureau'), { recursive: true });
  await writeFile(join(dir, 'http', PATH), BODY);
  await writeFile(join(dir, 'secret.csv'), 'a,b\n1,2\n');
  server = await serve({ dir });
});
afterAll(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(server.url + path, { headers });

test('a file comes whole with validators, and a conditional GET of the same file is answered 304', async () => {
  const first = await get(PATH);
  expect(await first.text()).toBe(BODY);
  expect(first.headers.get('content-type')).toBe('text/csv');
  const etag = first.headers.get('etag') ?? '';
  const modified = first.headers.get('last-modified') ?? '';
  expect((await get(PATH, { 'if-none-match': etag })).status).toBe(304);
  expect((await get(PATH, { 'if-none-match': '"other", W/"x"' })).status).toBe(200);
  expect((await get(PATH, { 'if-modified-since': modified })).status).toBe(304);
  await utimes(join(dir, 'http', PATH), new Date(), new Date(Date.now() + 60_000));
  expect((await get(PATH, { 'if-none-match': etag })).status).toBe(200);
});

test('nothing outside the served folder is reachable', async () => {
  for (const path of [
    '/../secret.csv',
    '/%2e%2e/secret.csv',
    '/bureau/..%2f..%2fsecret.csv',
    '/..%5csecret.csv',
    '/none.csv',
  ])
    expect([400, 404]).toContain((await get(path)).status);
});

test('a path fails as its fault says until it is mended', async () => {
  server.setFault(PATH, { kind: 'status', status: 500 });
  expect((await get(PATH)).status).toBe(500);
  server.setFault(PATH, { kind: 'login-page' });
  const page = await get(PATH);
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect(await page.text()).toContain('<!DOCTYPE html>');
  server.setFault(PATH, { kind: 'truncated' });
  const cut = await get(PATH);
  expect(Number(cut.headers.get('content-length'))).toBe(Buffer.byteLength(BODY));
  await expect(cut.text()).rejects.toThrow();
  server.setFault(PATH, { kind: 'slow', bytesPerSecond: 1_000_000 });
  expect(await (await get(PATH)).text()).toBe(BODY);
  server.setFault(PATH, undefined);
  expect((await get(PATH)).status).toBe(200);
});

test('another process sets and mends faults by PUT', async () => {
  const put = (body: unknown): Promise<Response> =>
    fetch(`${server.url}/.faults`, { method: 'PUT', body: JSON.stringify(body) });
  expect((await put({ path: PATH, fault: { kind: 'status', status: 404 } })).status).toBe(204);
  expect((await get(PATH)).status).toBe(404);
  expect((await put({ path: PATH, fault: null })).status).toBe(204);
  expect((await get(PATH)).status).toBe(200);
  expect((await put({ path: PATH, fault: { kind: 'nothing' } })).status).toBe(400);
});

test('the server runs as a process of its own, tells its address and stops on SIGTERM', async () => {
  // The built program, because that is what runs; `npm test` builds first.
  const main = join(__dirname, '../dist/server.js');
  const child: ChildProcess = spawn(process.execPath, [main, '--dir', dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data')) as [Buffer];
  const { url } = JSON.parse(line.toString()) as { url: string };
  expect((await fetch(url + PATH)).status).toBe(200);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});
