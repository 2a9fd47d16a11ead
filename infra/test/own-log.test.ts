import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createLineWriter } from '@songhua/runtime';
import { smallDisk } from './small-disk.js';

test('lines that a full disk refuses follow whole and in order when there is room, with the word of what was lost', async () => {
  const disk = await smallDisk(256 * 1024);
  const path = join(disk.path, 'own.log');
  const fd = openSync(path, 'a');
  try {
    const log = createLineWriter({ fd, recovered: (code, lost) => `failed with ${code}, lost ${lost}\n` });
    log.write('line 0\n');
    disk.fill();
    // More than the rest of the last page and the memory hold.
    for (let n = 1; n <= 5_000; n += 1) log.write(`line ${n}\n`);
    disk.free();
    const lines = (): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');
    while (!lines().at(-1)?.startsWith('failed')) await delay(20);
    const told = lines();
    const kept = told.length - 1;
    expect(told.slice(0, -1)).toEqual(Array.from({ length: kept }, (_, n) => `line ${n}`));
    expect(told.at(-1)).toBe(`failed with ENOSPC, lost ${5_001 - kept}`);
  } finally {
    closeSync(fd);
    await disk.remove();
  }
});
