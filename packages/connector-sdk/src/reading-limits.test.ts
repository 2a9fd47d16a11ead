import { expect, test } from '@jest/globals';
import { readingLimits, readingLimitsSchema } from './reading-limits.js';

const OPERATOR = { maxBytes: 1000, timeoutMs: 5000 };

test("a connector's config asks for limits only within what the operator allows", () => {
  expect(readingLimits({}, OPERATOR)).toEqual({ bytes: 1000, timeMs: 5000 });
  expect(readingLimits({ bytes: 10, timeMs: 20, depth: 7 }, OPERATOR)).toEqual({ bytes: 10, timeMs: 20, depth: 7 });
  expect(readingLimits({ bytes: 1e9, timeMs: 1e9 }, OPERATOR)).toEqual({ bytes: 1000, timeMs: 5000 });
});

test('unknown limits, and ones that a worker among others could not bear, are refused', () => {
  for (const wrong of [{ speed: 1 }, { columns: 0 }, { columns: 1e6 }, { depth: 1.5 }, { sharedBytes: 1e12 }])
    expect(readingLimitsSchema.safeParse(wrong).success).toBe(false);
});
