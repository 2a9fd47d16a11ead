import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createBudget } from './budget.js';

test('what is underway never passes the limit but for one lone request, and nobody is overtaken or forgotten', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 150 }), { maxLength: 40 }), async (amounts) => {
      const budget = createBudget(100);
      const order: number[] = [];
      let used = 0;
      let running = 0;
      await Promise.all(
        amounts.map(async (amount, i) => {
          await budget.take(amount);
          used += amount;
          running++;
          order.push(i);
          expect(used <= 100 || running === 1).toBe(true);
          await new Promise((resolve) => setImmediate(resolve));
          used -= amount;
          running--;
          budget.give(amount);
        }),
      );
      expect(order).toEqual(amounts.map((_, i) => i));
    }),
    { numRuns: 30 },
  );
});
