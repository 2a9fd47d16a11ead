import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { cutRows } from './cut-rows.js';
import { cellsOf } from './remap.js';

const cell = fc.string({ unit: fc.constantFrom('a', '道', '"', ',', '\n', ' '), maxLength: 6 });
const written = (rows: string[][]): Buffer =>
  Buffer.from(rows.map((row) => `${row.map((text) => `"${text.replaceAll('"', '""')}"`).join(',')}\n`).join(''));

test('rows are cut between them, also where a cell has line breaks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 60 }),
      (rows, most) => {
        const csv = written(rows);
        const parts = cutRows(csv, most);
        expect(Buffer.concat(parts.map((part) => part.csv))).toEqual(csv);
        for (const part of parts) {
          expect(cellsOf(part.csv, Number.POSITIVE_INFINITY)).toHaveLength(part.rows);
          expect(part.csv.length <= most || part.rows === 1).toBe(true);
        }
      },
    ),
  );
});
