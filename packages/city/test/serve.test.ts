import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type CityServer, createCity, serve } from '@songhua/city';

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

test('a dripping path comes bit by bit, and whole at the end', async () => {
  server.setFault(PATH, { kind: 'drip', seconds: 0.3 });
  const response = await get(PATH);
  expect(Number(response.headers.get('content-length'))).toBe(Buffer.byteLength(BODY));
  const pieces: Uint8Array[] = [];
  for await (const piece of response.body ?? []) pieces.push(piece);
  expect(pieces.length).toBeGreaterThan(2);
  expect(Buffer.concat(pieces).toString()).toBe(BODY);
  const etag = response.headers.get('etag') ?? '';
  expect((await get(PATH, { 'if-none-match': etag })).status).toBe(304);
  server.setFault(PATH, undefined);
});

test('a reader that leaves a dripping path leaves nothing behind: the server closes at once', async () => {
  const own = await serve({ dir });
  own.setFault(PATH, { kind: 'drip', seconds: 1200 });
  const leaving = new AbortController();
  const response = await fetch(own.url + PATH, { signal: leaving.signal });
  expect((await response.body?.getReader().read())?.value?.length).toBeGreaterThan(0);
  leaving.abort();
  await own.close();
});

test('asked to, the server of a written city drips its dripping source, complete at the end, and no other', async () => {
  const city = createCity({ scale: 0.02 });
  const folder = await mkdtemp(join(tmpdir(), 'songhua-city-'));
  const dripping = city.shapes.dripping;
  await city.write(folder, { datasets: [dripping, city.shapes['pretty-json']] });
  const own = await serve({ dir: folder, dripSeconds: 0.3 });
  try {
    const connector = city.connectors({ root: folder, httpBase: own.url }).find((c) => c.spec.dataset === dripping);
    const url = String(connector?.spec.config.url);
    const pieces: Uint8Array[] = [];
    for await (const piece of (await fetch(url)).body ?? []) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(2);
    const file = city.truth(dripping).files[0] ?? '';
    expect(Buffer.concat(pieces)).toEqual(await readFile(join(folder, file)));
  } finally {
    await own.close();
    await rm(folder, { recursive: true, force: true });
  }
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
