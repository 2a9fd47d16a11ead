import { describe, expect, test } from '@jest/globals';
import type { Column } from '@songhua/domain';
import fc from 'fast-check';
import { frequencyOf, keyOf, suggest } from '../src/trials/suggest.js';

const column = (name: string, type: Column['type']): Column => ({ name, type, nullable: true });
const days = (step: number, count = 12): { 日期: string }[] =>
  Array.from({ length: count }, (_, i) => ({
    日期: new Date(Date.UTC(2026, 0, 1) + i * step * 86_400_000).toISOString(),
  }));

describe('a suggested key', () => {
  test('names every row, or there is none', () => {
    const cell = fc.option(fc.integer({ min: 0, max: 4 }), { nil: null });
    fc.assert(
      fc.property(fc.array(fc.record({ a: cell, b: cell, c: cell }), { maxLength: 12 }), (rows) => {
        const key = keyOf([column('a', 'integer'), column('b', 'string'), column('c', 'integer')], rows);
        if (key.length === 0) return;
        const values = rows.map((row) => key.map((name) => row[name as 'a']));
        expect(values.flat()).not.toContain(null);
        expect(new Set(values.map((value) => JSON.stringify(value))).size).toBe(rows.length);
      }),
    );
  });

  test('is rather one that is called like a key, never a measured number, else two that name a row together', () => {
    const rows = Array.from({ length: 6 }, (_, i) => ({
      名称: `n${i}`,
      编号: i,
      面积: i + 0.5,
      年: 2020 + (i % 3),
      校: `s${i % 2}`,
    }));
    const named = [column('名称', 'string'), column('编号', 'integer'), column('面积', 'decimal')];
    expect(keyOf(named, rows)).toEqual(['编号']);
    expect(keyOf([column('面积', 'decimal')], rows)).toEqual([]);
    expect(keyOf([column('校', 'string'), column('年', 'integer')], rows)).toEqual(['校', '年']);
    expect(keyOf([column('编号', 'integer')], rows.slice(0, 2))).toEqual([]);
  });
});

test('a suggested frequency is the promise nearest to the distance of the dates', () => {
  const date = [column('日期', 'date')];
  const found = [1 / 96, 1 / 24, 1, 7, 30.5, 91, 365].map((step) => frequencyOf(date, days(step)));
  expect(found).toEqual(['15MIN', 'HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY', 'QUARTERLY', 'ANNUAL']);
  expect(frequencyOf(date, days(1, 2))).toBe('UNKNOWN');
  const years = [{ 年份: 2021 }, { 年份: 2022 }, { 年份: 2023 }];
  expect(frequencyOf([column('年份', 'integer')], years)).toBe('ANNUAL');
});

test('a suggested mode follows a cursor only where the kind can, and merges only with a key', () => {
  const stream = { name: 't', columns: [], key: ['id'], cursors: ['changed_at'] };
  const mode = (more: object, incremental: boolean) => suggest({ ...stream, ...more }, [], [], incremental).mode;
  expect([mode({}, true), mode({ key: [] }, true), mode({ cursors: [] }, true), mode({}, false)]).toEqual([
    'merge',
    'append',
    'full',
    'full',
  ]);
});
