import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { FREQUENCIES, FRESHNESS_STATES, type Frequency, freshness } from './index.js';

const NOW = new Date('2026-11-23T00:00:00Z');
const clocks = (checkedAgo: number | null, changedAgo: number | null) => ({
  checkedAt: checkedAgo === null ? null : new Date(NOW.getTime() - checkedAgo * 1000),
  dataChangedAt: changedAgo === null ? null : new Date(NOW.getTime() - changedAgo * 1000),
  sourceChangedAt: null,
  metadataChangedAt: null,
});
const age = fc.integer({ min: 0, max: 10 * 366 * 86_400 });
const frequency = fc.constantFrom(...(Object.keys(FREQUENCIES) as Frequency[]));
const rank = (state: string): number => ['fresh', 'due', 'overdue', 'delinquent'].indexOf(state);

describe('freshness', () => {
  test('is always one of the six states', () => {
    fc.assert(
      fc.property(frequency, fc.option(age), fc.option(age), fc.boolean(), (f, checked, changed, retired) => {
        expect(FRESHNESS_STATES).toContain(freshness(f, clocks(checked, changed), NOW, retired));
      }),
    );
  });

  test('never improves as time passes without a check or a change', () => {
    fc.assert(
      fc.property(frequency, age, age, age, (f, checked, changed, wait) => {
        const before = freshness(f, clocks(checked, changed), NOW);
        const after = freshness(f, clocks(checked + wait, changed + wait), NOW);
        expect(rank(after)).toBeGreaterThanOrEqual(rank(before));
      }),
    );
  });

  test('never worsens by a check that found nothing new', () => {
    fc.assert(
      fc.property(frequency, age, age, (f, checked, changed) => {
        const before = freshness(f, clocks(checked, changed), NOW);
        expect(rank(freshness(f, clocks(0, changed), NOW))).toBeLessThanOrEqual(rank(before));
      }),
    );
  });

  test.each([
    [0, 'fresh'],
    [86_400, 'fresh'],
    [86_401, 'due'],
    [95_040, 'due'],
    [95_041, 'overdue'],
    [172_800, 'overdue'],
    [172_801, 'delinquent'],
  ])('of a daily dataset last checked %i s ago is %s', (ago, expected) => {
    expect(freshness('DAILY', clocks(ago, 400 * 86_400), NOW)).toBe(expected);
  });

  test('is unknown without a version, whatever was checked, and retired when retired', () => {
    expect(freshness('DAILY', clocks(0, null), NOW)).toBe('unknown');
    expect(freshness('UNKNOWN', clocks(0, 0), NOW)).toBe('unknown');
    expect(freshness('DAILY', clocks(0, 0), NOW, true)).toBe('retired');
  });
});
