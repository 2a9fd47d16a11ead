import { expect, test } from '@jest/globals';
import type { SyncRepository, SyncResult } from '@songhua/catalog';
import { createLogger } from '@songhua/runtime';
import { createResultWriter } from '../src/results.js';

test('results share statements by their bytes as well as by their number, and each is stored once', async () => {
  const statements: SyncResult[][] = [];
  const syncs = {
    async finish(_: string, results: SyncResult[]) {
      statements.push(results);
      return results.map(({ id }) => id);
    },
  } as unknown as SyncRepository;
  const writer = createResultWriter(syncs, 'test', createLogger('results-test'));
  const result = (id: string, megabytes: number): SyncResult => ({
    id,
    attempt: 1,
    state: 'unchanged',
    rows: 0,
    rejected: 0,
    bytes: 0,
    ...(megabytes > 0 && { validators: { seen: 'x'.repeat(megabytes * 1024 * 1024) } }),
  });
  const sizes = [3, 3, 3, 20, 1, ...Array.from({ length: 600 }, () => 0)];
  const stored = await Promise.all(sizes.map((size, i) => writer.finish(result(`s${i}`, size))));
  expect(stored.every(Boolean)).toBe(true);
  expect(statements.flat().map(({ id }) => id)).toEqual(sizes.map((_, i) => `s${i}`));
  expect(statements.map((one) => one.length)).toEqual([2, 1, 1, 500, 101]);
});
