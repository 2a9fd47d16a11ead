import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Clocks, FREQUENCIES, type Frequency, freshness, IN_SYNC_STATES, inSync, type Looks } from './index.js';

const NOW = new Date('2026-11-23T00:00:00Z');
const HOUR = 3600;
const DAY = 24 * HOUR;
const ago = (seconds: number): Date => new Date(NOW.getTime() - seconds * 1000);
const clocks = (checked: number | null, changed: number | null): Clocks => ({
  checkedAt: checked === null ? null : ago(checked),
  dataChangedAt: changed === null ? null : ago(changed),
  sourceChangedAt: null,
  metadataChangedAt: null,
});
const looks = (more: Partial<Looks> = {}): Looks => ({
  frequency: 'HOURLY',
  retired: false,
  last: 'same',
  wait: HOUR,
  ...more,
});
const age = fc.integer({ min: 0, max: 10 * 366 * DAY });
const anyLooks = fc.record({
  frequency: fc.constantFrom(...(Object.keys(FREQUENCIES) as Frequency[])),
  retired: fc.boolean(),
  last: fc.constantFrom('same' as const, 'differs' as const, 'failed' as const, null),
  wait: fc.option(fc.constantFrom(HOUR, DAY, 7 * DAY, 31 * DAY, 366 * DAY)),
});

describe('in sync', () => {
  test('is always one of its states, and only a state without a version, a check or a life is unknown', () => {
    fc.assert(
      fc.property(anyLooks, fc.option(age), fc.option(age), (l, checked, changed) => {
        const { state } = inSync(l, clocks(checked, changed), NOW);
        expect(IN_SYNC_STATES).toContain(state);
        expect(state === 'unknown').toBe(l.retired || checked === null || changed === null);
      }),
    );
  });

  test('of a dead export that is checked is confirmed, while its promise is broken', () => {
    const dead = clocks(60, 9 * DAY);
    expect(inSync(looks(), dead, NOW)).toEqual({ state: 'confirmed', until: ago(60 - 2 * HOUR) });
    const promise = { frequency: 'HOURLY', confirmationCounts: false, retired: false } as const;
    expect(freshness(promise, dead, NOW).state).toBe('delinquent');
  });

  test('of a source that cannot be looked at is failing, while its promise is kept by its data', () => {
    const changed = clocks(1800, 1800);
    expect(inSync(looks({ last: 'failed' }), changed, NOW).state).toBe('failing');
    const promise = { frequency: 'HOURLY', confirmationCounts: false, retired: false } as const;
    expect(freshness(promise, changed, NOW).state).toBe('fresh');
  });

  test('says that the source differs while a person has not let it pass', () => {
    expect(inSync(looks({ last: 'differs' }), clocks(0, 0), NOW).state).toBe('differs');
  });

  test('is stale exactly when the confirmation has run out, and never confirmed again by waiting', () => {
    fc.assert(
      fc.property(anyLooks, age, age, age, (l, checked, changed, wait) => {
        const at = clocks(checked, changed);
        const { state, until } = inSync({ ...l, retired: false, last: 'same' }, at, NOW);
        expect(state).toBe(until !== null && NOW >= until ? 'stale' : 'confirmed');
        const later = inSync({ ...l, retired: false, last: 'same' }, at, new Date(NOW.getTime() + wait * 1000));
        if (state === 'stale') expect(later.state).toBe('stale');
        expect(later.until).toEqual(until);
      }),
    );
  });

  test.each([
    ['two waits of the schedule, when the promise is longer', { frequency: 'ANNUAL', wait: DAY }, 2 * DAY],
    ['what the promise allows, when the schedule is longer', { frequency: 'DAILY', wait: 31 * DAY }, 2 * DAY],
    ['what the promise allows, without a schedule', { frequency: 'WEEKLY', wait: null }, 14 * DAY],
    ['thirty days, where nothing says how often to look', { frequency: 'IRREG', wait: null }, 30 * DAY],
    ['the schedule, where no change was promised', { frequency: 'NEVER', wait: 7 * DAY }, 14 * DAY],
  ] as const)('a confirmation holds for %s', (_, how, seconds) => {
    expect(inSync(looks(how), clocks(0, 0), NOW).until).toEqual(ago(-seconds));
  });

  test('a confirmation of what never changes, by nobody who would look again, holds for good', () => {
    const held = inSync(looks({ frequency: 'NEVER', wait: null }), clocks(9000 * DAY, 9000 * DAY), NOW);
    expect(held).toEqual({ state: 'confirmed', until: null });
  });
});
