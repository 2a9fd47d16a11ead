import { existsSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createReserve, RESERVE_BYTES } from '../src/disk/reserve.js';
import { openHome } from '../src/home.js';
import { down, type ProcessStatus, type ServicePlan, status, up } from '../src/index.js';
import { type SmallDisk, smallDisk } from './small-disk.js';

/** Room for the reserve, as much again, and what the system writes. */
const DISK_BYTES = 3.5 * RESERVE_BYTES;
/** A service that is ready at once, says who it is, and ends when it is told to over HTTP. */
const SERVICE = `
const { createServer } = require('node:http');
const { writeSync } = require('node:fs');
process.on('SIGTERM', () => process.exit(0));
createServer((request, response) => {
  try { writeSync(1, request.url + '\\n'); } catch {}
  if (request.url === '/fall') process.exit(7);
  response.end(String(process.pid));
}).listen(Number(process.env.SONGHUA_HTTP_PORT), process.env.SONGHUA_HTTP_HOST);
`;

let disk: SmallDisk;
let home = '';
let services: ServicePlan[] = [];

beforeAll(async () => {
  disk = await smallDisk(DISK_BYTES);
  home = join(disk.path, 'home');
  const entry = join(disk.path, 'service.js');
  await writeFile(entry, SERVICE);
  services = [{ name: 'echo', entry, replicas: 1, port: 0, nodeFlags: [], env: {} }];
  await up({ home, engines: [], services });
}, 60_000);
afterAll(async () => {
  disk?.free();
  await down({ home });
  await disk?.remove();
}, 60_000);

const echo = (): ProcessStatus => {
  const [found] = status(home).processes;
  if (!found) throw new Error('no process');
  return found;
};
const supervisorLog = (): string => readFileSync(join(home, 'logs', 'supervisor.log'), 'utf8');
const answer = async (path: string): Promise<string | undefined> => {
  try {
    return await (await fetch(`${url}${path}`)).text();
  } catch {
    return undefined;
  }
};
let url = '';

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 45_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}: ${JSON.stringify(status(home), null, 1)}`);
    await delay(50);
  }
}

const wholeReserve = (): boolean => status(home).disk.reserveBytes === RESERVE_BYTES;

test('on a full disk the reserve makes room for the state and the log that explain it', async () => {
  url = echo().url ?? '';
  await until('the reserve', wholeReserve);
  expect(statSync(openHome(home).reserve).blocks * 512).toBeGreaterThanOrEqual(RESERVE_BYTES);
  const { supervisor } = status(home);
  disk.fill();
  expect(status(home)).toMatchObject({
    disk: { level: 'full' },
    warnings: [expect.stringContaining('the disk is full')],
  });
  await answer('/fall');
  await until('the restart to be recorded', () => echo().restarts === 1 && echo().state === 'ready');
  expect(status(home).supervisor?.pid).toBe(supervisor?.pid);
  expect(status(home).disk.reserveBytes).toBeLessThan(RESERVE_BYTES);
  expect(supervisorLog()).toMatch(
    /echo ended by itself \(exit code 7\) after \d+ s; restart 1 \(1 in a row\) in 0\.25 s/,
  );
  await until('the full disk to be told', () => /disk was full: \d+ MB of the reserve are left/.test(supervisorLog()));
  disk.free();
  await until('the reserve to be kept again', wholeReserve);
}, 60_000);

/** Leaves no byte free and no reserve, so that nothing can be written. */
async function leaveNothing(): Promise<void> {
  createReserve(openHome(home).reserve).releaseAll();
  disk.fill();
  await until('a disk with nothing left', () => {
    disk.fill();
    return status(home).disk.level === 'full' && status(home).disk.reserveBytes === 0;
  });
}

test('where nothing at all can be written the supervisor goes on, and tells of it when it can', async () => {
  const { supervisor } = status(home);
  const before = echo();
  await leaveNothing();
  await answer('/fall');
  await until('the service to be back', async () => {
    const pid = await answer('/');
    return pid !== undefined && pid !== String(before.pid);
  });
  // The record is old, and is not believed.
  expect(status(home)).toMatchObject({ healthy: false, supervisor: { pid: supervisor?.pid } });
  expect(echo().state).toBe('gone');
  disk.free();
  await until('the state to be written', () => status(home).healthy);
  expect(status(home).supervisor?.pid).toBe(supervisor?.pid);
  expect(String(echo().pid)).toBe(await answer('/'));
  expect(echo().restarts).toBe(before.restarts + 1);
  expect(supervisorLog()).toMatch(
    /the state cannot be written and is kept in memory: ENOSPC(.|\n)*the state is written again/,
  );
}, 60_000);

test('what a killed supervisor left, also what no record names, is told as unsupervised, and down ends it on a full disk', async () => {
  await leaveNothing();
  await answer('/fall');
  await until('the service to be back', async () => (await answer('/')) !== undefined);
  const pid = await answer('/');
  process.kill(status(home).supervisor?.pid ?? 0, 'SIGKILL');
  await until('the loss to be seen', () => status(home).supervisor === null);
  const found = status(home);
  expect(found).toMatchObject({ phase: 'unsupervised', healthy: false, remedy: expect.stringContaining('songhua up') });
  expect(found.processes).toMatchObject([{ name: 'echo', state: 'unsupervised', pid: Number(pid) }]);
  // It lives on without the supervisor, its output included.
  expect(await answer('/')).toBe(pid);
  expect(await down({ home })).toMatchObject({ wasRunning: false, reaped: ['echo'] });
  expect(await answer('/')).toBeUndefined();
  const after = status(home);
  expect(['stopped', 'lost']).toContain(after.phase);
  expect(after.processes.map(({ state }) => state)).not.toContain('ready');
}, 60_000);

test('up on a full disk says so, and works when there is room', async () => {
  disk.fill();
  await expect(up({ home, engines: [], services })).rejects.toMatchObject({ code: 'home.disk-full' });
  disk.free();
  await up({ home, engines: [], services });
  expect(status(home)).toMatchObject({ phase: 'ready', healthy: true });
}, 60_000);

test('up replaces what a killed supervisor left', async () => {
  const before = await answer('/');
  process.kill(status(home).supervisor?.pid ?? 0, 'SIGKILL');
  await until('the loss to be seen', () => status(home).phase === 'unsupervised');
  await up({ home, engines: [], services });
  expect(status(home)).toMatchObject({ phase: 'ready', healthy: true, remedy: null });
  expect(await answer('/')).not.toBe(before);
  expect(supervisorLog()).toContain('ended what a killed predecessor had left: echo');
  expect(await down({ home, wipe: true })).toMatchObject({ wasRunning: true });
  expect(existsSync(openHome(home).reserve)).toBe(false);
}, 60_000);
