import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { unaccounted } from '@songhua/domain';
import fc from 'fast-check';
import { DEFAULT_BLANKS, type DeclaredColumn } from '../src/index.js';
import { type Bench, bench, rejectedRows, typesOf } from './harness.js';

let b: Bench;
beforeAll(() => {
  b = bench(1);
});
afterAll(() => b.close());

/** The one column beside a running number, as JSON values. */
async function valuesOf(
  cells: string[],
  { blanks, ...column }: Partial<DeclaredColumn>,
  dataset?: readonly string[],
): Promise<{ values: (unknown | 'rejected')[]; type: string }> {
  const declared = column.type && {
    declared: [{ name: 'v', type: column.type, ...column, ...(blanks && { blanks }) }],
  };
  const result = await b.refresh(
    ['n', 'v'],
    cells.map((cell, i) => [String(i + 1), cell]),
    { ...declared, ...(dataset && { blanks: dataset }) },
  );
  expect(unaccounted(result.counts)).toBe(0);
  const { rows } = await b.tables.rows(result.files[0]?.path ?? '', { limit: 1000, offset: 0, where: {} });
  const byNumber = new Map(rows.map((row) => [Number(row.n), row.v]));
  return {
    values: cells.map((_, i) => (byNumber.has(i + 1) ? byNumber.get(i + 1) : 'rejected')),
    type: result.schema.columns[1]?.type ?? '',
  };
}

describe('declared blanks', () => {
  test('of a dataset have no value in typed columns, even where they could be read as one', async () => {
    const cells = ['1', '2', '-999', '缺', '3', ' -999 ', '４'];
    expect(await valuesOf(cells, {}, ['-999', '缺'])).toEqual({
      values: [1, 2, null, null, 3, null, 4].map((v) => (v === null ? null : expect.anything())),
      type: 'integer',
    });
  });

  test('take the place of the usual ones', async () => {
    const { values } = await valuesOf(['1', '无', '/', ''], { type: 'integer' }, ['无']);
    expect(values.map((v) => (v === null ? 'null' : v === 'rejected' ? v : 'value'))).toEqual([
      'value',
      'null',
      'rejected',
      'null',
    ]);
  });

  test('of a column win over those of its dataset, and hold in text', async () => {
    const text = await valuesOf(['无', '不详', ' 不详', '一中', ''], { type: 'string', blanks: ['不详'] }, ['无']);
    expect(text.values).toEqual(['无', null, null, '一中', null]);
    expect((await valuesOf(['无', '-', '一中'], { type: 'string' }, ['无'])).values).toEqual(['无', '-', '一中']);
  });

  test('in a required column are rejected as missing, not as of a wrong type', async () => {
    const result = await b.refresh(['id', 'v'], [...'12345'].map((v) => [v, v]).concat([['6', '缺']]), {
      declared: [{ name: 'v', type: 'integer', required: true, blanks: ['缺'] }],
    });
    expect(rejectedRows(result)).toMatchObject([{ code: 'cell.required', field: 'v', line: 7 }]);
  });

  test('that are the usual ones give the same version as none declared', async () => {
    const rows = [...'123456789'].map((v) => [v, v === '4' ? '无' : `${v}.5`, v === '5' ? '-' : '一中']);
    const none = await b.refresh(['a', 'b', 'c'], rows);
    const told = await b.refresh(['a', 'b', 'c'], rows, { blanks: DEFAULT_BLANKS });
    expect(told.identity).toBe(none.identity);
    expect(typesOf(told)).toBe(typesOf(none));
  });
});

const VALUES = {
  integer: ['7', '-999', '0', '1,234'],
  decimal: ['1.5', '-99.9', '0.0'],
  date: ['2024-01-02', '9999-12-31', '1900年1月1日'],
  boolean: ['是', '否'],
  datetime: ['2024-01-02 03:04:05', '1900-01-01 00:00:00'],
  time: ['12:30:00', '00:00:00'],
} as const;
const WORDS = [...DEFAULT_BLANKS, '缺', '不详', '未知', '暂无', '.', 'x', '#'];

test('a declared blank is never a value and never rejected in a typed column, and no other cell is ever NULL', () =>
  fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...(Object.keys(VALUES) as (keyof typeof VALUES)[])).chain((type) => {
        const cell = fc.constantFrom(...VALUES[type], ...WORDS);
        return fc.record({
          type: fc.constant(type),
          cells: fc.array(cell, { minLength: 1, maxLength: 30 }),
          blanks: fc.uniqueArray(cell, { maxLength: 8 }),
          byColumn: fc.boolean(),
        });
      }),
      async ({ type, cells, blanks, byColumn }) => {
        const { values } = byColumn
          ? await valuesOf(cells, { type, blanks }, ['x'])
          : await valuesOf(cells, { type }, blanks);
        cells.forEach((cell, i) => {
          if (cell === '' || blanks.includes(cell)) expect([cell, values[i]]).toEqual([cell, null]);
          else if (!(VALUES[type] as readonly string[]).includes(cell))
            expect([cell, values[i]]).toEqual([cell, 'rejected']);
          else expect([null, 'rejected']).not.toContain(values[i]);
        });
      },
    ),
    { numRuns: 40 },
  ));

describe('percentages', () => {
  const percents = [...'123456789'].map((v) => [v, `${v}2.5%`]);
  const unitOf = ({ schema }: Awaited<ReturnType<Bench['refresh']>>) => schema.columns[1]?.unit;
  const declared: DeclaredColumn[] = [{ name: 'v', type: 'decimal' }];

  test('are the same version whether their column is declared a decimal or found to be one', async () => {
    const told = await b.refresh(['n', 'v'], percents, { declared });
    const found = await b.refresh(['n', 'v'], percents);
    expect(unitOf(told)).toBe('percent');
    expect(told.identity).toBe(found.identity);
    expect(await b.csv(told)).toContain('1,0.125\n');
    const next = await b.refresh(['n', 'v'], percents, { declared, previous: b.after(found) });
    expect(next.identity).toBe(found.identity);
  });

  test('are found behind blanks that fill a whole sample', async () => {
    const rows = Array.from({ length: 1000 }, (_, i) => [String(i), i < 600 ? '' : '12.5%']);
    const result = await b.refresh(['n', 'v'], rows, { declared });
    expect([unitOf(result), result.counts.rejected]).toEqual(['percent', 0]);
  });

  test('do not change the unit of a version that is out: they are rejected, a person decides', async () => {
    const first = await b.refresh(
      ['n', 'v'],
      [...'123456789'].map((v) => [v, `${v}2.5`]),
      { declared },
    );
    expect(unitOf(first)).toBeUndefined();
    const next = b.refresh(['n', 'v'], percents, { declared, previous: b.after(first) });
    await expect(next).rejects.toMatchObject({ code: 'guard.empty' });
  });
});
