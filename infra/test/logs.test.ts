import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { keepLogs } from '../src/logs/keeper.js';
import { rotateLog } from '../src/logs/rotate.js';
import { smallDisk } from './small-disk.js';

const LIMITS = { bytes: 64 * 1024, files: 3 };
const LINES = 20_000;
/** Writes numbered lines until it has written them all; it would end with an error if its log were closed. */
const WRITER = `
const { writeSync } = require('node:fs');
let n = 0;
const some = () => {
  for (let i = 0; i < 100 && n < ${LINES}; i += 1) writeSync(1, 'line ' + (n += 1) + ' of a log that is long enough to be turned\\n');
  if (n < ${LINES}) setImmediate(some);
};
some();
`;

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songhua-logs-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const numbers = (path: string): number[] =>
  [...readFileSync(path, 'utf8').matchAll(/^line (\d+) of a log that is long enough to be turned$/gm)].map(([, n]) =>
    Number(n),
  );

test('a log that another process writes stays bounded, its writer never notices, and its last lines are kept in order', async () => {
  const log = join(folder, 'busy.log');
  const file = openSync(log, 'a');
  const writer = spawn(process.execPath, ['-e', WRITER], { stdio: ['ignore', file, 'inherit'], detached: true });
  const ended = once(writer, 'exit');
  closeSync(file);
  const end = keepLogs({ paths: () => [log], tell: (text) => expect(text).toBe(''), limits: LIMITS, intervalMs: 1 });
  expect(await ended).toEqual([0, null]);
  // The last turn may be under way.
  while (statSync(log).size > LIMITS.bytes || (await readdir(folder)).some((name) => name.endsWith('.new')))
    await delay(5);
  end();
  const files = (await readdir(folder)).sort();
  // How often it was turned depends on how often its keeper came to look.
  expect(['busy.log', 'busy.log.1', 'busy.log.2'].slice(0, files.length)).toEqual(files);
  expect(files.length).toBeGreaterThan(1);
  const kept = files.reverse().flatMap((name) => numbers(join(folder, name)));
  expect(kept).toEqual([...kept].sort((a, b) => a - b));
  expect(kept.at(-1)).toBe(LINES);
});

test('a log that grew far beyond its limit leaves its end, no larger than the limit', async () => {
  const log = join(folder, 'huge.log');
  await writeFile(
    log,
    Array.from({ length: LINES }, (_, n) => `line ${n} of a log that is long enough to be turned\n`).join(''),
  );
  await rotateLog(log, LIMITS);
  expect(statSync(log).size).toBe(0);
  expect(statSync(`${log}.1`).size).toBe(LIMITS.bytes);
  expect(numbers(`${log}.1`).at(-1)).toBe(LINES - 1);
});

test('on a full disk a log is turned at the cost of the oldest, and what is written stays as it was until then', async () => {
  const disk = await smallDisk(1024 ** 2);
  try {
    const log = join(disk.path, 'a.log');
    for (const name of ['a.log', 'a.log.1', 'a.log.2'])
      await writeFile(join(disk.path, name), Buffer.alloc(LIMITS.bytes + 1, name));
    disk.fill();
    await expect(rotateLog(log, LIMITS)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect((await readdir(disk.path)).sort()).toEqual(['a.log', 'a.log.1', 'filler']);
    expect(statSync(log).size).toBe(LIMITS.bytes + 1);
    await rotateLog(log, LIMITS);
    expect(statSync(log).size).toBe(0);
    expect((await readdir(disk.path)).sort()).toEqual(['a.log', 'a.log.1', 'a.log.2', 'filler']);
  } finally {
    await disk.remove();
  }
});
