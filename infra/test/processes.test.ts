import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openHome } from '../src/home.js';
import { identify, isRunning } from '../src/process/identity.js';
import { createManagedProcess } from '../src/process/managed.js';
import { claimPort } from '../src/process/port-claims.js';
import { createPortBook } from '../src/process/ports.js';
import { claimHome, reapProcesses, recordProcesses } from '../src/process/registry.js';
import { pauseBefore } from '../src/supervisor/supervised.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songhua-processes-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function listen(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
const portOf = (server: Server): number => (server.address() as { port: number }).port;
const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

test('a taken port is replaced by another, and the choice is remembered', async () => {
  const path = join(folder, 'ports.json');
  const holder = await listen(0);
  const taken = portOf(holder);
  const first = await createPortBook(path).take('kafka', taken);
  expect(first).not.toBe(taken);
  await close(holder);
  expect(await createPortBook(path).take('kafka', taken)).toBe(first);
});

test('a port that another living stack keeps is not given out, though nobody listens on it yet', async () => {
  const claims = join(folder, 'claims');
  const holder = await listen(0);
  const port = portOf(holder);
  await close(holder);
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const ended = new Promise((resolve) => other.once('exit', resolve));
  await mkdir(claims);
  await writeFile(join(claims, String(port)), JSON.stringify(identify(other.pid ?? 0)));
  expect(claimPort(port, claims)).toBe(false);
  other.kill('SIGKILL');
  await ended;
  expect(claimPort(port, claims)).toBe(true);
  expect(claimPort(port, claims)).toBe(true);
});

test('one book never hands out a port twice', async () => {
  const book = createPortBook(join(folder, 'twice.json'));
  const free = await listen(0);
  const port = portOf(free);
  await close(free);
  const given = await Promise.all(['a', 'b', 'c'].map((name) => book.take(name, port)));
  expect(new Set(given).size).toBe(3);
});

test('a pid that now belongs to another process is left alone', async () => {
  const home = openHome(join(folder, 'recycled'));
  const bystander = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  const pid = bystander.pid ?? 0;
  try {
    const real = identify(pid);
    expect(real).toBeDefined();
    recordProcesses(home, [{ name: 'kafka', pid, started: 'an earlier life', stopSignal: 'SIGTERM' }]);
    expect(await reapProcesses(home)).toEqual([]);
    expect(real && isRunning(real)).toBe(true);
    recordProcesses(home, [{ name: 'kafka', stopSignal: 'SIGTERM', ...(real ?? { pid, started: '' }) }]);
    expect(await reapProcesses(home)).toEqual(['kafka']);
    expect(real && isRunning(real)).toBe(false);
  } finally {
    bystander.kill('SIGKILL');
  }
});

test('a state folder has one owner at a time', async () => {
  const home = openHome(join(folder, 'owned'));
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  try {
    const { writeJson } = await import('../src/files.js');
    writeJson(home.owner, { ...identify(other.pid ?? 0), role: 'supervisor' });
    await expect(claimHome(home, 'engines')).rejects.toMatchObject({ code: 'home.busy' });
  } finally {
    const gone = new Promise((resolve) => other.once('exit', resolve));
    other.kill('SIGKILL');
    await gone;
  }
  const letGo = await claimHome(home, 'engines');
  letGo();
});

test('a program that cannot start says so with the end of its log', async () => {
  const managed = createManagedProcess({
    name: 'doomed',
    log: join(folder, 'doomed.log'),
    prepare: async () => undefined,
    command: () => ({
      file: process.execPath,
      args: ['-e', 'console.error("no room on disk"); process.exit(3)'],
      env: process.env,
      cwd: folder,
    }),
    probe: async () => {
      throw new Error('nobody there');
    },
    readyTimeoutMs: 20_000,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 1_000,
  });
  await expect(managed.start()).rejects.toMatchObject({
    code: 'engine.exited',
    message: expect.stringContaining('no room on disk'),
  });
});

test('a program that never answers is ended after its time', async () => {
  const managed = createManagedProcess({
    name: 'mute',
    log: join(folder, 'mute.log'),
    prepare: async () => undefined,
    command: () => ({
      file: process.execPath,
      args: ['-e', 'setInterval(() => {}, 1000)'],
      env: process.env,
      cwd: folder,
    }),
    probe: async () => {
      throw new Error('nobody there');
    },
    readyTimeoutMs: 500,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 1_000,
  });
  await expect(managed.start()).rejects.toMatchObject({
    code: 'engine.not-ready',
    message: expect.stringContaining('nobody there'),
  });
  expect(managed.identity).toBeUndefined();
});

test('pauses before restarts grow and stay bounded', () => {
  const pauses = [1, 2, 3, 4, 20].map(pauseBefore);
  expect(pauses).toEqual([250, 500, 1000, 2000, 30_000]);
});
