import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createBudget } from './budget.js';

test('bytes in flight never pass the limit but for one lone request, and nobody is overtaken or forgotten', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 40 }), async (sizes) => {
      const budget = createBudget(100);
      const order: number[] = [];
      let used = 0;
      let running = 0;
      await Promise.all(
        sizes.map(async (bytes, i) => {
          await budget.take(bytes);
          used += bytes;
          running++;
          order.push(i);
          expect(used <= 100 || running === 1).toBe(true);
          await new Promise((resolve) => setImmediate(resolve));
          used -= bytes;
          running--;
          budget.give(bytes);
        }),
      );
      expect(order).toEqual(sizes.map((_, i) => i));
    }),
    { numRuns: 30 },
  );
});
