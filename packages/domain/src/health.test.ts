import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Reason } from './errors.js';
import { type HealthPolicy, healthOf, type SyncEnd } from './health.js';

const policy: HealthPolicy = { suspendAfter: 5, suspendAfterMs: 7 * 86_400_000, firstWaitMs: 60_000 };
const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 1);

const reason = fc.record({
  code: fc.constantFrom('source.rate-limited', 'source.unavailable', 'source.not-found', 'schema.rejected'),
  message: fc.constant('…'),
  actor: fc.constantFrom('department', 'operator', 'platform'),
  retryable: fc.boolean(),
}) satisfies fc.Arbitrary<Reason>;
/** Newest first. */
const history = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 3 * 1440 }), fc.option(reason)), { maxLength: 40 })
  .map((steps) => {
    let at = START;
    return steps
      .map(([minutes, why]): SyncEnd => {
        at += minutes * MINUTE;
        return { at: new Date(at), reason: why };
      })
      .reverse();
  });
const jitter = fc.double({ min: 0, max: 1, noNaN: true });
const failed = (minutes: number, over: Partial<Reason> = {}): SyncEnd => ({
  at: new Date(START + minutes * MINUTE),
  reason: { code: 'source.not-found', message: '…', actor: 'department', retryable: false, ...over },
});
const newestFirst = (...ends: SyncEnd[]): SyncEnd[] => ends.reverse();

test('what ended before the last success changes nothing, and a success makes a connector well', () => {
  fc.assert(
    fc.property(history, history, jitter, (before, after, chance) => {
      const success: SyncEnd = { at: new Date(START), reason: null };
      expect(healthOf([success, ...before], policy, chance)).toEqual({ state: 'well' });
      expect(healthOf([...after, success, ...before], policy, chance)).toEqual(healthOf(after, policy, chance));
    }),
  );
});

test('only failures of the department suspend, and never fewer than three', () => {
  fc.assert(
    fc.property(history, jitter, (ends, chance) => {
      const health = healthOf(ends, policy, chance);
      if (health.state !== 'suspend') return;
      expect(health.reason.actor).toBe('department');
      const streak = ends.slice(0, health.failures);
      expect(streak.filter((end) => end.reason?.actor === 'department').length).toBeGreaterThanOrEqual(3);
    }),
  );
});

test('failures of the platform in between neither add to those of the department nor take from them', () => {
  fc.assert(
    fc.property(history, jitter, (ends, chance) => {
      const others = ends.filter((end) => end.reason === null || end.reason.actor === 'department');
      const [with_, without] = [healthOf(ends, policy, chance), healthOf(others, policy, chance)];
      if (ends[0]?.reason?.actor === 'department') expect(with_.state).toBe(without.state);
    }),
  );
});

test.each([
  ['department', 6 * 60],
  ['operator', 10],
  ['platform', 10],
] as const)(
  'waits after failures of the %s grow with every one in a row up to %d minutes, and more only when the source asks',
  (actor, longest) => {
    const away = { code: 'source.unavailable', retryable: true, actor } as const;
    const patient = { ...policy, suspendAfterMs: Number.POSITIVE_INFINITY };
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), jitter, (count, chance) => {
        const ends = newestFirst(...Array.from({ length: count }, (_, i) => failed(i, away)));
        const [newest] = ends;
        const health = healthOf(ends, patient, chance);
        if (health.state !== 'waiting' || !newest) throw new Error(health.state);
        const wait = health.until.getTime() - newest.at.getTime();
        const whole = Math.min(longest * MINUTE, MINUTE * 2 ** (count - 1));
        expect(wait).toBeGreaterThanOrEqual(whole / 2);
        expect(wait).toBeLessThanOrEqual(whole);
      }),
    );
    const asked = healthOf([failed(0, { ...away, code: 'source.rate-limited', retryAfterSeconds: 1800 })], policy, 0);
    expect(asked).toMatchObject({ state: 'waiting', rateLimited: true, until: new Date(START + 30 * MINUTE) });
    const endless = healthOf([failed(0, { ...away, retryAfterSeconds: 1e9 })], policy, 0);
    expect(endless).toMatchObject({ until: new Date(START + 24 * 60 * MINUTE) });
  },
);

test('five lasting failures of the department in a row suspend, four do not, and neither do four around one that may pass', () => {
  const lasting = [0, 1, 2, 3, 4].map((minute) => failed(minute));
  expect(healthOf(newestFirst(...lasting), policy, 0)).toMatchObject({ state: 'suspend', failures: 5 });
  expect(healthOf(newestFirst(...lasting.slice(1)), policy, 0)).toMatchObject({ state: 'failing', failures: 4 });
  const passing = [...lasting.slice(0, 2), failed(2, { retryable: true }), ...lasting.slice(3)];
  expect(healthOf(newestFirst(...passing), policy, 0)).toMatchObject({ state: 'failing', failures: 5 });
});

test('a department whose source is away for a week is suspended, and one whose yearly sync fails twice is not', () => {
  const away = { retryable: true } as const;
  const week = newestFirst(failed(0, away), failed(60, away), failed(7 * 1440, away));
  expect(healthOf(week, policy, 0).state).toBe('suspend');
  expect(healthOf(newestFirst(failed(0), failed(365 * 1440)), policy, 0).state).toBe('failing');
});
