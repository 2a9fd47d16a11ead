import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type Clocks,
  FREQUENCIES,
  FRESHNESS_STATES,
  type Frequency,
  freshness,
  type Promised,
  thresholdsOf,
} from './index.js';

const NOW = new Date('2026-11-23T00:00:00Z');
const HOUR = 3600;
const DAY = 24 * HOUR;
const ago = (seconds: number | null): Date | null =>
  seconds === null ? null : new Date(NOW.getTime() - seconds * 1000);
const clocks = (checked: number | null, changed: number | null, source: number | null = null): Clocks => ({
  checkedAt: ago(checked),
  dataChangedAt: ago(changed),
  sourceChangedAt: ago(source),
  metadataChangedAt: null,
});
const promise = (frequency: Frequency, more: Partial<Promised> = {}): Promised => ({
  frequency,
  confirmationCounts: false,
  retired: false,
  ...more,
});
const age = fc.integer({ min: 0, max: 10 * 366 * DAY });
const frequency = fc.constantFrom(...(Object.keys(FREQUENCIES) as Frequency[]));
const periodic = frequency.filter((f) => FREQUENCIES[f] !== null);
const promised = fc.record({ frequency, confirmationCounts: fc.boolean(), retired: fc.boolean() });
const rank = (state: string): number => ['fresh', 'due', 'overdue', 'delinquent'].indexOf(state);

describe('the table of promises', () => {
  test.each([
    ['DAILY', 1, 2, 3],
    ['WEEKLY_2', 3.5, 5.5, 7.5],
    ['WEEKLY', 7, 14, 21],
    ['BIWEEKLY', 14, 21, 28],
    ['MONTHLY', 30, 44, 60],
    ['BIMONTHLY', 60, 84, 108],
    ['QUARTERLY', 90, 120, 150],
    ['ANNUAL_3', 120, 147, 174],
    ['ANNUAL_2', 180, 210, 240],
    ['ANNUAL', 365, 425, 455],
    ['BIENNIAL', 730, 785, 840],
    ['TRIENNIAL', 1095, 1150, 1205],
  ] as const)('%s is due after %d days, overdue after %d, delinquent after %d', (name, due, overdue, delinquent) => {
    expect(thresholdsOf(name)).toEqual({ due: due * DAY, overdue: overdue * DAY, delinquent: delinquent * DAY });
  });

  test.each(['CONT', 'HOURLY'] as const)(
    '%s is due after an hour, overdue after two, delinquent after three',
    (name) => {
      expect(thresholdsOf(name)).toEqual({ due: HOUR, overdue: 2 * HOUR, delinquent: 3 * HOUR });
    },
  );

  test('is in order for every promise, and a longer period is never late sooner', () => {
    const rows = (Object.keys(FREQUENCIES) as Frequency[]).flatMap((f) => thresholdsOf(f) ?? []);
    rows.sort((a, b) => a.due - b.due);
    for (const [index, { due, overdue, delinquent }] of rows.entries()) {
      expect(due < overdue && overdue < delinquent).toBe(true);
      const before = rows[index - 1];
      if (before) expect(before.overdue <= overdue && before.delinquent <= delinquent).toBe(true);
    }
  });
});

describe('freshness', () => {
  test('is always one of the six states', () => {
    fc.assert(
      fc.property(promised, fc.option(age), fc.option(age), fc.option(age), (p, checked, changed, source) => {
        expect(FRESHNESS_STATES).toContain(freshness(p, clocks(checked, changed, source), NOW).state);
      }),
    );
  });

  test('never improves as time passes without a change', () => {
    fc.assert(
      fc.property(promised, age, age, fc.option(age), age, (p, checked, changed, source, wait) => {
        const at = clocks(checked, changed, source);
        const later = new Date(NOW.getTime() + wait * 1000);
        expect(rank(freshness(p, at, later).state)).toBeGreaterThanOrEqual(rank(freshness(p, at, NOW).state));
      }),
    );
  });

  test('does not change by checks that found nothing new, however many', () => {
    fc.assert(
      fc.property(frequency, age, age, (f, checked, changed) => {
        expect(freshness(promise(f), clocks(checked, changed), NOW)).toEqual(
          freshness(promise(f), clocks(0, changed), NOW),
        );
      }),
    );
  });

  test('of a dead hourly export that is checked all the time is due, then overdue, then delinquent', () => {
    const hours = (n: number) => freshness(promise('HOURLY'), clocks(0, n * HOUR), NOW).state;
    expect([0, 1, 2, 3, 24 * 7].map(hours)).toEqual(['fresh', 'due', 'overdue', 'delinquent', 'delinquent']);
  });

  test('is measured from the last check where a confirmation counts', () => {
    const p = promise('HOURLY', { confirmationCounts: true });
    expect(freshness(p, clocks(0, 7 * DAY), NOW)).toMatchObject({ state: 'fresh', lateSince: null });
    fc.assert(
      fc.property(frequency, age, age, (f, checked, changed) => {
        const counted = freshness(promise(f, { confirmationCounts: true }), clocks(checked, changed), NOW);
        expect(counted).toEqual(freshness(promise(f), clocks(null, Math.min(checked, changed)), NOW));
      }),
    );
  });

  test('is measured from what the source says of itself, when that is later, but not after it was looked at', () => {
    expect(freshness(promise('DAILY'), clocks(0, 9 * DAY, HOUR), NOW).state).toBe('fresh');
    const ahead = clocks(5 * DAY, 9 * DAY, -365 * DAY);
    expect(freshness(promise('DAILY'), ahead, NOW)).toMatchObject({ state: 'delinquent', dueAt: ago(4 * DAY) });
  });

  test('is due exactly at dueAt and overdue exactly from lateSince on, which never comes before', () => {
    const moment = (time: Date, shift: number): Date => new Date(time.getTime() + shift);
    fc.assert(
      fc.property(periodic, age, fc.option(age), fc.boolean(), (f, changed, source, confirmationCounts) => {
        const p = promise(f, { confirmationCounts });
        const at = clocks(0, changed, source);
        const { dueAt } = freshness(p, at, NOW);
        if (!dueAt) throw new Error('a period has a due date');
        expect(freshness(p, at, moment(dueAt, -1)).state).toBe('fresh');
        expect(freshness(p, at, dueAt)).toMatchObject({ state: 'due', lateSince: null });
        const { overdue, due } = thresholdsOf(f) as { overdue: number; due: number };
        const late = moment(dueAt, (overdue - due) * 1000);
        expect(freshness(p, at, moment(late, -1))).toMatchObject({ state: 'due', lateSince: null });
        expect(freshness(p, at, late)).toEqual({ state: 'overdue', dueAt, lateSince: late });
      }),
    );
  });

  test.each([
    [0, 'fresh'],
    [DAY - 1, 'fresh'],
    [DAY, 'due'],
    [2 * DAY - 1, 'due'],
    [2 * DAY, 'overdue'],
    [3 * DAY - 1, 'overdue'],
    [3 * DAY, 'delinquent'],
  ])('of a daily dataset that last changed %i s ago is %s', (seconds, expected) => {
    expect(freshness(promise('DAILY'), clocks(0, seconds), NOW).state).toBe(expected);
  });

  test('is unknown without a version or a known promise, retired when retired, and fresh where nothing was promised', () => {
    const never = { dueAt: null, lateSince: null };
    expect(freshness(promise('DAILY'), clocks(0, null), NOW)).toEqual({ state: 'unknown', ...never });
    for (const f of ['UNKNOWN', 'OTHER', 'OP_DATPRO'] as const)
      expect(freshness(promise(f), clocks(0, 0), NOW)).toEqual({ state: 'unknown', ...never });
    expect(freshness(promise('DAILY', { retired: true }), clocks(0, 0), NOW)).toEqual({ state: 'retired', ...never });
    for (const f of ['IRREG', 'AS_NEEDED', 'NEVER', 'NOT_PLANNED'] as const)
      expect(freshness(promise(f), clocks(null, 9000 * DAY), NOW)).toEqual({ state: 'fresh', ...never });
  });
});
