import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DateTime } from 'luxon';
import type { WindowConfig } from './config.js';
import { unitOf } from './dates.js';
import { positionAt, windowsOf, windowsUntil } from './window.js';

const config = (more: Partial<WindowConfig> = {}): WindowConfig => ({
  from: '2020-01-31',
  step: 'P1M',
  parameterStart: 'begin',
  parameterEnd: 'end',
  format: 'iso',
  includesEnd: false,
  timezone: 'Asia/Shanghai',
  ...more,
});
const START = DateTime.fromISO('2020-01-31', { zone: 'Asia/Shanghai' });
const step = fc.constantFrom('P1M', 'P1D', 'P1W', 'PT6H', 'P1Y', 'P1M3D');
const later = fc.integer({ min: 1, max: 60 * 86_400 }).map((seconds) => START.plus({ seconds }));
const bounds = (windows: { parameters: { value: string | number }[] }[]) =>
  windows.map(({ parameters: [begin, end] }) => [String(begin?.value), String(end?.value)]);

test('windows follow each other without gap or overlap, from the beginning until now', () => {
  fc.assert(
    fc.property(step, later, (given, now) => {
      const all = bounds(windowsUntil(config({ step: given }), now, undefined));
      expect(DateTime.fromISO(all[0]?.[0] ?? '').toMillis()).toBe(START.toMillis());
      expect(all.slice(1).map(([begin]) => begin)).toEqual(all.slice(0, -1).map(([, end]) => end));
      expect(DateTime.fromISO(all.at(-1)?.[0] ?? '') < now).toBe(true);
      expect(DateTime.fromISO(all.at(-1)?.[1] ?? '') >= now).toBe(true);
    }),
    { numRuns: 40 },
  );
});

test('reads one after the other leave no moment out, whenever they are made', () => {
  fc.assert(
    fc.property(
      step,
      fc.array(later, { minLength: 1, maxLength: 6 }),
      fc.constantFrom(undefined, 'P2D', 'PT1H'),
      (given, times, overlap) => {
        let position: string | undefined;
        let readUntil = START.toMillis();
        for (const now of times.sort((a, b) => a.toMillis() - b.toMillis())) {
          const windows = windowsUntil(config({ step: given, ...(overlap ? { overlap } : {}) }), now, position);
          const [first] = bounds(windows)[0] ?? [];
          const complete = position === undefined ? START : DateTime.fromISO(position);
          if (first !== undefined) expect(DateTime.fromISO(first).toMillis()).toBeLessThanOrEqual(complete.toMillis());
          position = positionAt(windows, now) ?? position;
          readUntil = Math.max(readUntil, windows.at(-1)?.end.toMillis() ?? 0);
          expect(readUntil).toBeGreaterThanOrEqual(now.toMillis());
          if (position !== undefined) expect(DateTime.fromISO(position) <= now).toBe(true);
        }
      },
    ),
  );
});

test('months begin on the day of the first one, or on the last day of shorter months', () => {
  const days = bounds(windowsUntil(config({ format: 'yyyy-MM-dd' }), START.plus({ months: 3, days: 5 }), undefined));
  expect(days.map(([begin]) => begin)).toEqual(['2020-01-31', '2020-02-29', '2020-03-31', '2020-04-30']);
});

test('an end that the source includes is one unit of its format earlier', () => {
  const ends = (format: string) =>
    bounds(windowsUntil(config({ format, includesEnd: true }), START.plus({ days: 3 }), undefined))[0]?.[1];
  expect(ends('yyyy-MM-dd')).toBe('2020-02-28');
  expect(ends('yyyy-MM-dd HH:mm')).toBe('2020-02-28 23:59');
  expect(ends('yyyyMM')).toBe('202001');
  expect(['iso', 'epochSeconds', 'epochMilliseconds', 'yyyy', "yyyy'm'", 'yyyy-MM-dd HH'].map(unitOf)).toEqual([
    'millisecond',
    'second',
    'millisecond',
    'year',
    'year',
    'hour',
  ]);
});

test('a range reads whole days of both bounds and nothing else', () => {
  const range = { from: '2021-05-30', to: '2021-06-02' };
  const days = bounds(windowsOf(config({ step: 'P3D', format: 'yyyy-MM-dd' }), range, DateTime.now()));
  expect(days).toEqual([
    ['2021-05-30', '2021-06-02'],
    ['2021-06-02', '2021-06-03'],
  ]);
  expect(() => windowsOf(config(), { from: 'soon' }, DateTime.now())).toThrow(/no date/);
});

test('so many windows that nobody can mean them are refused', () => {
  expect(() => windowsUntil(config({ step: 'PT1S' }), START.plus({ days: 1 }), undefined)).toThrow(/longer step/);
});
