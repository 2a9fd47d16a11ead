import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DateTime } from 'luxon';
import type { SinceConfig } from './config.js';
import { createGreatest, greater, sinceValue } from './since.js';

const CONFIG: SinceConfig = { parameter: 'after', column: 'at', timezone: 'Asia/Shanghai' };
const moment = fc
  .integer({ min: 0, max: 4_000_000_000_000 })
  .map((ms) => DateTime.fromMillis(ms, { zone: 'Asia/Shanghai' }));

test('the greater of two numbers keeps all its digits', () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.bigInt(), (a, b) => {
      const [smaller, larger] = a < b ? [a, b] : [b, a];
      expect(greater(`${smaller}`, `${larger}`, CONFIG)).toBe(`${larger}`);
      expect(greater(`${larger}`, `${smaller}`, CONFIG)).toBe(`${larger}`);
    }),
  );
  expect(greater('1.10', '1.9', CONFIG)).toBe('1.9');
  expect(greater('10', '9', CONFIG)).toBe('10');
});

test('times are compared as times, whatever their zone; equal milliseconds by the digits behind them', () => {
  fc.assert(
    fc.property(moment, moment, fc.constantFrom('UTC', 'Asia/Tokyo', 'America/New_York'), (a, b, zone) => {
      const [x, y] = [a.setZone(zone).toISO() ?? '', b.toISO() ?? ''];
      expect(DateTime.fromISO(greater(x, y, CONFIG)).toMillis()).toBe(Math.max(a.toMillis(), b.toMillis()));
    }),
  );
  const later = '2024-05-01 10:00:00.123457';
  expect(greater('2024-05-01 10:00:00.123456', later, CONFIG)).toBe(later);
});

test('what is sent is never later than the value, and lies the overlap before it', () => {
  const styles = [
    (at: DateTime) => at.toISO() ?? '',
    (at: DateTime) => at.toUTC().toISO() ?? '',
    (at: DateTime) => at.toFormat('yyyy-MM-dd HH:mm:ss'),
    (at: DateTime) => at.toFormat('yyyy-MM-dd HH:mm:ss.SSS'),
    (at: DateTime) => at.toFormat("yyyy-MM-dd'T'HH:mm:ss"),
  ];
  fc.assert(
    fc.property(moment, fc.constantFrom(...styles), fc.integer({ min: 1, max: 100_000 }), (at, style, overlap) => {
      const value = style(at);
      const sent = String(sinceValue(value, { ...CONFIG, overlap }));
      const read = (text: string) =>
        (text.includes('T') ? DateTime.fromISO : DateTime.fromSQL)(text, { zone: 'Asia/Shanghai' }).toMillis();
      expect(read(sent)).toBe(read(value) - overlap * 1000);
      expect(sent).toHaveLength(value.length);
    }),
  );
});

test('the greatest value of a read is found in any order, empty cells apart', () => {
  fc.assert(
    fc.property(
      fc.array(fc.option(fc.nat(), { nil: undefined }), { maxLength: 20 }),
      fc.option(fc.nat(), { nil: undefined }),
      (values, known) => {
        const greatest = createGreatest(CONFIG, known === undefined ? undefined : `${known}`);
        const csv = Buffer.from(values.map((value) => `x,${value ?? ''}\n`).join(''));
        greatest.see(
          [
            { name: 'id', source: 'id' },
            { name: 'at', source: 'at' },
          ],
          csv,
          values.length,
        );
        greatest.check();
        const all = [...values, known].filter((value) => value !== undefined);
        expect(greatest.value).toBe(all.length === 0 ? undefined : `${Math.max(...all)}`);
      },
    ),
  );
});
