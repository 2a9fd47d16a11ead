import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { latestSlot, scheduleProblem, shareOf } from '../src/slots.js';

const start = new Date(0);
const at = (text: string): Date => new Date(text);
const latest = (cron: string, timezone: string, now: string, after = start) =>
  latestSlot({ cron, timezone }, after, at(now))?.toISOString();

describe('the latest slot', () => {
  test('is in the schedule’s own timezone', () => {
    expect(latest('0 3 * * *', 'Asia/Shanghai', '2026-11-23T12:00:00Z')).toBe('2026-11-22T19:00:00.000Z');
    expect(latest('0 3 * * *', 'America/New_York', '2026-11-23T12:00:00Z')).toBe('2026-11-23T08:00:00.000Z');
    expect(latest('15 9 * * *', 'Asia/Kolkata', '2026-11-23T12:00:00Z')).toBe('2026-11-23T03:45:00.000Z');
  });

  test('is now itself when now is a slot, and never in the future', () => {
    expect(latest('*/5 * * * *', 'UTC', '2026-11-23T12:05:00Z')).toBe('2026-11-23T12:05:00.000Z');
    expect(latest('*/5 * * * *', 'UTC', '2026-11-23T12:04:59.999Z')).toBe('2026-11-23T12:00:00.000Z');
  });

  test('reaches over weeks and months, and knows seconds', () => {
    expect(latest('30 1 1 1 *', 'Asia/Shanghai', '2026-11-23T12:00:00Z')).toBe('2025-12-31T17:30:00.000Z');
    expect(latest('0 8 * * 1', 'Asia/Shanghai', '2026-11-22T12:00:00Z')).toBe('2026-11-16T00:00:00.000Z');
    expect(latest('*/20 * * * * *', 'UTC', '2026-11-23T12:00:59Z')).toBe('2026-11-23T12:00:40.000Z');
  });

  test('after itself there is none', () => {
    expect(latest('0 3 * * *', 'UTC', '2026-11-23T12:00:00Z', at('2026-11-23T03:00:00Z'))).toBeUndefined();
    expect(latest('0 3 * * *', 'UTC', '2026-11-23T12:00:00Z', at('2026-11-23T02:59:59Z'))).toBeDefined();
  });

  test('of a local time that comes twice is the first one, so that daylight saving makes no second slot', () => {
    const fallBack = '2026-11-01T12:00:00Z';
    expect(latest('30 1 * * *', 'America/New_York', fallBack)).toBe('2026-11-01T05:30:00.000Z');
    expect(latest('30 1 * * *', 'America/New_York', fallBack, at('2026-11-01T05:30:00Z'))).toBeUndefined();
  });

  test('of a local time that does not come is the one before', () => {
    expect(latest('30 2 * * *', 'America/New_York', '2026-03-08T12:00:00Z')).toBe('2026-03-07T07:30:00.000Z');
  });

  test('does not go back when time goes on', () => {
    const cron = fc.constantFrom('*/7 * * * *', '0 */3 * * *', '15 2 * * 0', '0 0 1 * *', '30 1 * * *');
    const timezone = fc.constantFrom('Asia/Shanghai', 'America/New_York', 'Europe/Berlin', 'UTC');
    const time = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 0, 1) });
    fc.assert(
      fc.property(
        cron,
        timezone,
        time,
        fc.integer({ min: 0, max: 10 * 86_400_000 }),
        (expression, zone, now, later) => {
          const schedule = { cron: expression, timezone: zone };
          const first = latestSlot(schedule, start, new Date(now))?.getTime() ?? 0;
          const second = latestSlot(schedule, start, new Date(now + later))?.getTime() ?? 0;
          expect(first).toBeLessThanOrEqual(now);
          expect(second).toBeGreaterThanOrEqual(first);
        },
      ),
      { numRuns: 50 },
    );
  });
});

test('a schedule that cannot run says why', () => {
  expect(scheduleProblem({ cron: '0 3 * * *', timezone: 'Asia/Shanghai' })).toBeUndefined();
  expect(scheduleProblem({ cron: '61 3 * * *', timezone: 'UTC' })).toContain('schedule.cron');
  expect(scheduleProblem({ cron: '0 3 * * *', timezone: 'Asia/Harbin-2' })).toContain('schedule.timezone');
});

test('the share of a connector is fixed, and the shares of many are spread evenly', () => {
  const shares = Array.from({ length: 620 }, (_, index) => shareOf(`cn_${index}`));
  expect(shareOf('cn_7')).toBe(shares[7]);
  for (const share of shares) expect(share >= 0 && share < 1).toBe(true);
  expect(Math.abs(shares.reduce((sum, share) => sum + share, 0) / 620 - 0.5)).toBeLessThan(0.05);
});
