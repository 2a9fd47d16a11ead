import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openHome } from '../src/home.js';
import { down, type ServicePlan, type StackStatus, status, up } from '../src/index.js';
import { identify, isRunning } from '../src/process/identity.js';

const START_MS = 180_000;
/** A service that is ready at once and ends when it is told to over HTTP. */
const SERVICE = `
const { createServer } = require('node:http');
process.on('SIGTERM', () => process.exit(0));
createServer((request, response) => {
  if (request.url === '/fall') process.exit(7);
  response.end(JSON.stringify({ brokers: process.env.SONGHUA_KAFKA_BROKERS, told: process.env.TOLD }));
}).listen(Number(process.env.SONGHUA_HTTP_PORT), process.env.SONGHUA_HTTP_HOST);
`;

let home = '';
let services: ServicePlan[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'songhua-supervisor-'));
  const entry = join(home, 'service.js');
  await writeFile(entry, SERVICE);
  services = [{ name: 'echo', entry, replicas: 2, port: 0, nodeFlags: [], env: { TOLD: 'yes' } }];
  await up({ home, services });
}, START_MS);
afterAll(async () => {
  await down({ home });
  await rm(home, { recursive: true, force: true });
}, 90_000);

const find = (name: string): StackStatus['processes'][number] => {
  const found = status(home).processes.find((one) => one.name === name);
  if (!found) throw new Error(`no process ${name}`);
  return found;
};

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}: ${JSON.stringify(status(home), null, 1)}`);
    await delay(50);
  }
}

test('everything is ready, replicas have ports of their own and the addresses of the engines', async () => {
  expect(status(home)).toMatchObject({ phase: 'ready', healthy: true });
  const urls = ['echo', 'echo-2'].map((name) => find(name).url ?? '');
  expect(new Set(urls).size).toBe(2);
  for (const url of urls) {
    const told = (await (await fetch(url)).json()) as { brokers: string; told: string };
    expect(told).toEqual({ brokers: expect.stringMatching(/^127\.0\.0\.1:\d+$/), told: 'yes' });
  }
});

test('the supervisor stays small', () => {
  const bytes = status(home).supervisor?.residentBytes ?? 0;
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(80e6);
});

test('a service that falls is started again, and the fall is told by status and in the log', async () => {
  const { url, pid } = find('echo-2');
  await fetch(`${url}/fall`).catch(() => undefined);
  await until('echo-2 to be back', () => find('echo-2').state === 'ready' && find('echo-2').pid !== pid);
  expect(find('echo-2')).toMatchObject({
    restarts: 1,
    lastError: expect.stringContaining('exit code 7'),
    lastErrorAt: expect.stringMatching(/Z$/),
  });
  expect(find('echo').restarts).toBe(0);
  const log = await readFile(join(home, 'logs', 'supervisor.log'), 'utf8');
  expect(log).toMatch(/echo-2 ended by itself \(exit code 7\) after \d+ s; restart 1 \(1 in a row\) in 0\.25 s/);
}, 60_000);

test('an engine that is killed is started again', async () => {
  const { pid } = find('postgres');
  process.kill(pid ?? 0, 'SIGKILL');
  await until('postgres to be back', () => {
    const now = find('postgres');
    return now.state === 'ready' && now.pid !== null && now.pid !== pid;
  });
  expect(find('postgres').restarts).toBe(1);
}, 90_000);

test(
  'up on a running stack changes nothing',
  async () => {
    // What fell in the tests before may have taken others with it.
    await until(
      'everything to be ready',
      () => status(home).healthy && status(home).processes.every(({ pid }) => pid !== null),
    );
    const before = status(home);
    await up({ home });
    const after = status(home);
    expect(after.supervisor?.pid).toBe(before.supervisor?.pid);
    expect(after.processes.map((one) => one.pid)).toEqual(before.processes.map((one) => one.pid));
  },
  START_MS,
);

test(
  'after the supervisor itself is killed, up ends what it left, also without its record, and starts the same again',
  async () => {
    const before = status(home);
    const left = before.processes.map((one) => identify(one.pid ?? 0));
    process.kill(before.supervisor?.pid ?? 0, 'SIGKILL');
    await until('the loss to be seen', () => status(home).phase === 'unsupervised');
    expect(new Set(status(home).processes.map((one) => one.state))).toEqual(new Set(['unsupervised']));
    // The mark that each process carries is enough, where there is a /proc.
    if (process.platform === 'linux') await rm(openHome(home).processes);
    expect(status(home).processes.map((one) => one.pid)).toEqual(before.processes.map((one) => one.pid));
    await up({ home });
    expect(status(home)).toMatchObject({ phase: 'ready', healthy: true });
    expect(left.filter((one) => one !== undefined && isRunning(one))).toEqual([]);
    expect(status(home).processes.map((one) => one.url)).toEqual(before.processes.map((one) => one.url));
  },
  START_MS,
);

test(
  'a service that never comes up fails the start with its name and the end of its log',
  async () => {
    const entry = join(home, 'broken.js');
    await writeFile(entry, 'console.error("the port is cursed"); process.exit(1);');
    const broken = { name: 'broken', entry, replicas: 1, port: 0, nodeFlags: [], env: {} };
    await expect(up({ home, services: [broken] })).rejects.toMatchObject({
      code: 'stack.not-ready',
      message: expect.stringMatching(/broken(.|\n)*the port is cursed/),
    });
    expect(status(home)).toMatchObject({ phase: 'stopped', supervisor: null });
  },
  START_MS,
);

test(
  'down stops every process, and wipe leaves no data and no secrets, and names what it leaves',
  async () => {
    await up({ home, services });
    for (const folder of ['secrets', 'inbox']) await mkdir(join(home, folder), { recursive: true });
    await writeFile(join(home, 'secrets', 'password'), 's');
    const living = status(home).processes.map((one) => identify(one.pid ?? 0));
    const { kept, ...result } = await down({ home, wipe: true });
    expect(result).toMatchObject({ wasRunning: true, wiped: true });
    // The programs of the stand-in services lie beside it.
    expect(kept.filter((name) => !name.endsWith('.js'))).toEqual(['inbox']);
    expect((await readdir(home)).sort()).toEqual(kept);
    expect(living.filter((one) => one !== undefined && isRunning(one))).toEqual([]);
    expect(status(home).phase).toBe('never');
  },
  START_MS,
);
