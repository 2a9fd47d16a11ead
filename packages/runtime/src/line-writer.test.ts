import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { createLineWriter } from './line-writer.js';

/** Linux's file that is always full. */
const FULL = '/dev/full';

test('a log that takes nothing throws nothing, however much is written to it', () => {
  const fd = openSync(FULL, 'w');
  try {
    const log = createLineWriter({ fd, recovered: () => '' });
    for (let n = 0; n < 5_000; n += 1) log.write(`line ${n}\n`);
  } finally {
    closeSync(fd);
  }
});

test('a service whose log takes nothing lives on, and ends when it is told to', () => {
  const program = `
    const { createLogger } = require(${JSON.stringify(join(__dirname, '../dist/index.js'))});
    const log = createLogger('full');
    for (let n = 0; n < 10; n += 1) log.info('line ' + n);
    setTimeout(() => { log.fatal('cannot go on'); process.exit(3); }, 50);
  `;
  const fd = openSync(FULL, 'w');
  try {
    const { status, stderr } = spawnSync(process.execPath, ['-e', program], {
      stdio: ['ignore', fd, 'pipe'],
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect({ status, stderr }).toEqual({ status: 3, stderr: '' });
  } finally {
    closeSync(fd);
  }
});
