import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from '@jest/globals';

const folder = mkdtempSync(join(tmpdir(), 'songhua-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// The same inputs each time; long runs with other seeds are for people.
const INPUTS = 100;

test('whatever bytes a source has, they end in canonical rows or in an error that is known', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(__dirname, 'run.mjs'),
    ...['--inputs', String(INPUTS), '--seconds', '120', '--keep', folder],
  ]);
  const lines = stdout.trim().split('\n');
  expect(lines).toHaveLength(7);
  for (const line of lines) expect(line).toMatch(/^\w+: \d{3} inputs .* 0 problems$/);
}, 300_000);
