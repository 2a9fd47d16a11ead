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
    // Where the disk fails once more as it recovers, there are several such words.
    const told = (): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');
    const kept = (): number[] => told().flatMap((line) => /^line (\d+)$/.exec(line)?.slice(1).map(Number) ?? []);
    const words = (): number[] =>
      told().flatMap((line) => /^failed with ENOSPC, lost (\d+)$/.exec(line)?.slice(1).map(Number) ?? []);
    const accounted = (): number => kept().length + words().reduce((sum, lost) => sum + lost, 0);
    const deadline = Date.now() + 30_000;
    while (accounted() < 5_001 && Date.now() < deadline) await delay(20);
    expect(accounted()).toBe(5_001);
    expect(kept()).toEqual([...new Set(kept())].sort((x, y) => x - y));
    expect(kept().length + words().length).toBe(told().length);
  } finally {
    closeSync(fd);
    await disk.remove();
  }
});
