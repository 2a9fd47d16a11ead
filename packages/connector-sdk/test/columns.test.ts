import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { cellsOf, prefixRows, remapCsv, shiftRuns, unifyColumns } from '../src/index.js';

const encode = (rows: string[][]): Buffer =>
  Buffer.from(
    rows
      .map(
        (row) => `${row.map((cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\n`,
      )
      .join(''),
  );
const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '哈', ' '), maxLength: 6 });
const table = (width: number) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 8 });

test('cells survive canonical CSV', () => {
  fc.assert(
    fc.property(table(3), (rows) => {
      expect(cellsOf(encode(rows), Number.POSITIVE_INFINITY)).toEqual(rows);
    }),
  );
});

test('a remapped row has each cell in its new place, and empty cells where the table has no such column', () => {
  fc.assert(
    fc.property(
      table(3),
      fc.array(fc.integer({ min: -1, max: 2 }), { minLength: 2, maxLength: 5 }),
      (rows, mapping) => {
        const remapped = cellsOf(remapCsv(encode(rows), mapping), Number.POSITIVE_INFINITY);
        expect(remapped).toEqual(rows.map((row) => mapping.map((from) => row[from] ?? '')));
      },
    ),
  );
});

test('a row with a cell before it has the others as they were', () => {
  fc.assert(
    fc.property(table(3), fc.nat(4), (rows, at) => {
      const seen: string[] = [];
      const prefixed = prefixRows(encode(rows), at, (cell) => `${seen.push(cell)}`);
      expect(cellsOf(prefixed, Number.POSITIVE_INFINITY)).toEqual(rows.map((row, index) => [`${index + 1}`, ...row]));
      expect(seen).toEqual(rows.map((row) => row[at] ?? ''));
    }),
  );
});

test('tables that have the same columns in the same order need no mapping', () => {
  const a = { name: 'a', source: 'A' };
  const b = { name: 'b', source: 'B' };
  const c = { name: 'c', source: 'C' };
  expect(
    unifyColumns([
      [a, b],
      [a, b],
    ]),
  ).toEqual({ columns: [a, b], mappings: [undefined, undefined] });
  expect(
    unifyColumns([
      [a, b],
      [c, a],
    ]),
  ).toEqual({
    columns: [a, b, c],
    mappings: [
      [0, 1, -1],
      [1, -1, 0],
    ],
  });
});

test('runs of a later file start after the rows of the earlier ones', () => {
  expect(
    shiftRuns(
      [
        { row: 0, line: 2, file: 0 },
        { row: 5, line: 9, file: 0, step: 3 },
      ],
      100,
      3,
    ),
  ).toEqual([
    { row: 100, line: 2, file: 3 },
    { row: 105, line: 9, file: 3, step: 3 },
  ]);
});
