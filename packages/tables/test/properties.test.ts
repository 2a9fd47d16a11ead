import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { unaccounted, versionIdentity } from '@songhua/domain';
import fc from 'fast-check';
import { createEngine, type Engine } from '../src/engine.js';
import { createLineFinder } from '../src/lines.js';
import { sourceRows } from '../src/normalize/normalize.js';
import { RULES } from '../src/values/rules.js';
import type { Shape } from '../src/values/types.js';
import { type Bench, bench, rejectedRows } from './harness.js';

let b: Bench;
let engine: Engine;
beforeAll(() => {
  b = bench();
  engine = createEngine({ memoryMb: 128, threads: 1, tempDirectory: b.root });
});
afterAll(async () => {
  await engine.close();
  await b.close();
});

const parsed = (shape: Shape, cells: string[], plain = false): Promise<(string | null)[]> =>
  engine.session(false, async (session) => {
    const rule = RULES[shape.type];
    const value = plain && rule.parsePlain ? rule.parsePlain('cell', shape) : rule.parse('cell', shape);
    const placeholders = cells.map((_, i) => `($${i + 1}::VARCHAR)`).join(', ');
    const rows = await session.all(
      `SELECT ${rule.text(`(${value})`)} AS v FROM (VALUES ${placeholders}) t(cell)`,
      cells,
    );
    return rows.map(({ v }) => (v === null ? null : String(v)));
  });

const batch = (cell: fc.Arbitrary<string>) => fc.array(cell, { minLength: 20, maxLength: 60 });
const digits = (max: number) => fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: max });
const numberLike = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('', '-', '+', ' ', '0'),
      digits(12),
      fc.constantFrom('', '.', ','),
      fc.oneof(fc.constant(''), digits(8)),
    )
    .map((p) => p.join('')),
  fc.integer().map(String),
  fc.double({ noNaN: true }).map(String),
  fc.string({ unit: fc.constantFrom(...'0123456789.,-+eE_x%万 １２．'), maxLength: 10 }),
);

const plainOf = (cell: string): string =>
  cell
    .replace(/[０-９．，－＋]/g, (c) => '0123456789.,-+'['０１２３４５６７８９．，－＋'.indexOf(c)] ?? c)
    .replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');

function integerReference(cell: string): string | null {
  const text = plainOf(cell);
  if (!/^[+-]?(0|[1-9]\d*|[1-9]\d{0,2}(,\d{3})+)$/.test(text)) return null;
  const value = BigInt(text.replace(/[+,]/g, ''));
  return value >= -(2n ** 63n) && value < 2n ** 63n ? value.toString() : null;
}

function decimalReference(cell: string, scale: number): string | null {
  const parts = /^([+-]?)(?:(0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+)(?:\.(\d*))?|\.(\d+))$/.exec(plainOf(cell));
  if (!parts) return null;
  const whole = (parts[2] ?? '0').replaceAll(',', '');
  const fraction = (parts[3] ?? parts[4] ?? '').replace(/0+$/, '');
  if (fraction.length > scale || whole.length > 18 - scale) return null;
  const text = `${whole}.${fraction.padEnd(scale, '0')}`;
  return parts[1] === '-' && /[1-9]/.test(text) ? `-${text}` : text;
}

test('integers parse exactly as the independent reading says, in either form of the statement', () =>
  fc.assert(
    fc.asyncProperty(batch(numberLike), async (cells) => {
      expect(await parsed({ type: 'integer' }, cells)).toEqual(cells.map(integerReference));
      const plain = await parsed({ type: 'integer' }, cells, true);
      expect(plain).toEqual(cells.map((cell) => (integerReference(cell) === cell ? cell : null)));
    }),
    { numRuns: 40 },
  ));

test('decimals are exact or refused, never rounded', () =>
  fc.assert(
    fc.asyncProperty(batch(numberLike), fc.integer({ min: 1, max: 6 }), async (cells, scale) => {
      const shape: Shape = { type: 'decimal', precision: 18, scale };
      const expected = cells.map((cell) => decimalReference(cell, scale));
      expect(await parsed(shape, cells)).toEqual(expected);
      (await parsed(shape, cells, true)).forEach((value, i) => {
        if (value !== null) expect(value).toBe(expected[i]);
      });
    }),
    { numRuns: 40 },
  ));

test('percentages are exact or refused, and mean a hundredth of their number', () =>
  fc.assert(
    fc.asyncProperty(batch(numberLike), fc.integer({ min: 2, max: 6 }), async (cells, scale) => {
      const shape: Shape = { type: 'decimal', precision: 18, scale, unit: 'percent' };
      const bare = cells.map((cell) => cell.replaceAll('%', ''));
      expect(await parsed(shape, bare)).toEqual(cells.map(() => null));
      const hundredths = cells.map((cell) => decimalReference(cell, scale - 2));
      const values = await parsed(
        shape,
        cells.map((cell) => `${cell}%`),
      );
      const shifted = (value: string): bigint => BigInt(value.replace('.', ''));
      values.forEach((value, i) => {
        const expected = hundredths[i] ?? null;
        expect(value === null ? null : shifted(value)).toBe(expected === null ? null : shifted(expected));
      });
    }),
    { numRuns: 40 },
  ));

const dateLike = fc
  .tuple(
    fc.integer({ min: 1899, max: 2101 }),
    fc.integer({ min: 0, max: 13 }),
    fc.integer({ min: 0, max: 32 }),
    fc.integer({ min: 0, max: 5 }),
  )
  .map(([y, m, d, form]) => {
    const two = (n: number) => String(n).padStart(2, '0');
    return (
      [
        `${y}-${two(m)}-${two(d)}`,
        `${y}/${m}/${d}`,
        `${y}.${m}.${d}`,
        `${y}年${m}月${d}日`,
        `${y}${two(m)}${two(d)}`,
        `${y}-${m}/${d}`,
      ][form] ?? ''
    );
  });

function dateReference(cell: string): string | null {
  const parts =
    /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})$/.exec(cell) ??
    /^(\d{4})(年)(\d{1,2})月(\d{1,2})日$/.exec(cell) ??
    /^((?:19|20)\d\d)()(\d\d)(\d\d)$/.exec(cell);
  if (!parts) return null;
  const [y, m, d] = [Number(parts[1]), Number(parts[3]), Number(parts[4])];
  const date = new Date(Date.UTC(y, m - 1, d));
  return date.getUTCMonth() === m - 1 && date.getUTCDate() === d ? date.toISOString().slice(0, 10) : null;
}

test('dates are real days in one of the known forms', () =>
  fc.assert(
    fc.asyncProperty(batch(dateLike), async (cells) => {
      expect(await parsed({ type: 'date' }, cells)).toEqual(cells.map(dateReference));
    }),
    { numRuns: 40 },
  ));

test('datetimes are instants: an offset is applied, none means the city', () =>
  fc.assert(
    fc.asyncProperty(
      batch(
        fc
          .tuple(
            fc.integer({ min: 0, max: 4_000_000_000 }),
            fc.constantFrom('', 'Z', '+08:00', '-03:30', '+0530'),
            fc.constantFrom('T', ' '),
          )
          .map(([s, zone, t]) => `${new Date(s * 1000).toISOString().slice(0, 19).replace('T', t)}${zone}`),
      ),
      async (cells) => {
        const expected = cells.map((cell) => {
          const zone = cell.slice(19) || '+08:00';
          const iso = zone === 'Z' ? zone : `${zone.slice(0, 3)}:${zone.slice(-2)}`;
          const local = new Date(
            new Date(`${cell.slice(0, 10)}T${cell.slice(11, 19)}${iso}`).getTime() + 8 * 3_600_000,
          );
          return `${local.toISOString().slice(0, 19)}+08:00`;
        });
        expect(await parsed({ type: 'datetime' }, cells)).toEqual(expected);
      },
    ),
    { numRuns: 30 },
  ));

const messy = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom('', '无', '1', '2.5', 'a\u001fb', '\u001f', 'a', 'b', '"', '\n', ','),
);
const table = (columns: number) =>
  fc.array(fc.array(messy, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 30 });
const declared = ['a', 'b', 'c'].map((name) => ({ name, type: 'string' as const }));

test('the identity ignores the order of rows and nothing else', () =>
  fc.assert(
    fc.asyncProperty(table(3), fc.nat(), fc.nat({ max: 2 }), async (rows, at, column) => {
      const header = ['a', 'b', 'c'];
      const one = await b.refresh(header, rows, { declared });
      expect((await b.refresh(header, rows.toReversed(), { declared })).identity).toBe(one.identity);
      const row = at % rows.length;
      const touched = rows.map((cells, i) => (i === row ? cells.map((c, j) => (j === column ? `${c}x` : c)) : cells));
      expect((await b.refresh(header, touched, { declared })).identity).not.toBe(one.identity);
      const doubled = await b.refresh(header, [...rows, rows[row] ?? []], { declared });
      expect(doubled.identity).not.toBe(one.identity);
    }),
    { numRuns: 25 },
  ));

test('separators inside cells never make two different rows alike', async () => {
  const pairs = [
    [
      ['a\u001fb', 'c', 'd'],
      ['a', 'b\u001fc', 'd'],
    ],
    [
      ['\u001f', '', 'x'],
      ['', '\u001f', 'x'],
    ],
    [
      ['["a"', '"b"]', ''],
      ['["a","b"]', '', ''],
    ],
  ];
  for (const [left = [], right = []] of pairs) {
    const [one, two] = [
      await b.refresh(['a', 'b', 'c'], [left], { declared }),
      await b.refresh(['a', 'b', 'c'], [right], { declared }),
    ];
    expect(one.identity).not.toBe(two.identity);
  }
});

test('every row read is accounted for, whatever the dirt, and every rejected one is kept with its line', () =>
  fc.assert(
    fc.asyncProperty(
      table(2),
      table(2),
      fc.constantFrom('full', 'merge', 'append'),
      fc.boolean(),
      fc.nat({ max: 5 }),
      async (before, rows, mode, keyed, readerRejected) => {
        const options = {
          declared: [
            { name: 'a', type: 'string' as const },
            { name: 'b', type: 'decimal' as const },
          ],
          primaryKey: keyed || mode === 'merge' ? ['a'] : [],
          overrides: ['shrink'],
          mode: mode as 'full',
        };
        const first = await b.refresh(['a', 'b'], before, options);
        const next = await b.refresh(['a', 'b'], rows, { ...options, readerRejected, previous: b.after(first) });
        for (const result of [first, next]) {
          expect(unaccounted(result.counts)).toBe(0);
          const own = result === next ? readerRejected : 0;
          expect(rejectedRows(result)).toHaveLength(result.counts.rejected - own);
        }
        const lines = rejectedRows(next).map(({ line }) => line);
        expect(lines).toEqual(lines.toSorted((x, y) => x - y));
        if (next.files.length > 0) expect(await b.tables.countRows(next.files[0]?.path ?? '')).toBe(next.rows);
        expect(next.rows - first.rows).toBe(next.changes.added - next.changes.removed);
      },
    ),
    { numRuns: 40 },
  ));

test('a row is placed by the run it belongs to, however its runs come in pieces', async () => {
  const runs = [
    { row: 0, line: 2, file: 0 },
    { row: 10, line: 20, file: 0, step: 3 },
    { row: 12, line: 1, file: 1, step: 0 },
  ];
  for (const pieces of [[runs], runs.map((run) => [run]), [[], runs.slice(0, 2), [], runs.slice(2)]]) {
    const finder = createLineFinder(async function* () {
      yield* pieces;
    });
    const places: unknown[] = [];
    for (const row of [0, 9, 10, 11, 12, 40]) places.push(await finder.placeOf(row));
    expect(places).toEqual([
      { file: 0, line: 2 },
      { file: 0, line: 11 },
      { file: 0, line: 20 },
      { file: 0, line: 23 },
      { file: 1, line: 1 },
      { file: 1, line: 1 },
    ]);
  }
});

test('positions among the rows that are left are positions in the source', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat({ max: 60 })), (missing) => {
      const gone = missing.toSorted((x, y) => x - y);
      const left = Array.from({ length: 61 }, (_, i) => i).filter((i) => !gone.includes(i));
      expect(
        sourceRows(
          left.map((_, i) => i),
          gone,
        ),
      ).toEqual(left);
    }),
  );
});

test('the identity names the schema', async () => {
  const digest = { rows: 1, lower: '1', upper: '1' };
  const schema = (type: 'string' | 'json') => ({ columns: [{ name: 'a', type, nullable: true }], primaryKey: [] });
  expect(versionIdentity(schema('string'), digest)).not.toBe(versionIdentity(schema('json'), digest));
});
