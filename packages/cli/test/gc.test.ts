import { expect, test } from '@jest/globals';
import { linesOf } from '../src/commands/gc.js';

const report = {
  removed: { landing: { objects: 2, bytes: 3000 } },
  kept: { landing: { objects: 1, bytes: 10 }, 'version-file': { objects: 4, bytes: 10 } },
  reasons: { 'landing.retention': { objects: 2, bytes: 3000 } },
  trimmed: { versions: 1, syncs: 0, rejected: 0, outbox: 0, audit: 0 },
  unknown: { objects: 1, bytes: 1, keys: ['landing/readme.txt'] },
  items: [{ what: 'landing/ds_1/sy_1/1/manifest.json', why: 'landing.retention', bytes: 3000 }],
  problems: [],
};

test('a dry run names what would go and why; a collection tells how much went', () => {
  const dry = linesOf({ dryRun: true, report, problem: null }).join('\n');
  expect(dry).toMatch(/landing\/ds_1\/sy_1\/1\/manifest\.json +landing\.retention +3\.0 kB/);
  expect(dry).toContain('would go from the catalog: 1 versions');
  const done = linesOf({ dryRun: false, report, problem: null }).join('\n');
  expect(done).not.toContain('manifest.json');
  expect(done).toMatch(/landing +1 \(10 B\) +2 \(3\.0 kB\)/);
  expect(done).toContain('1 (1 B) of no known kind stay, the first: landing/readme.txt');
});

test('a collection that failed says why', () => {
  const problem = { code: 'object.unavailable', message: 'the store does not answer' };
  expect(linesOf({ dryRun: false, report, problem }).at(-1)).toBe('object.unavailable: the store does not answer');
});
