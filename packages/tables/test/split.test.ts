import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { splitColumns } from '../src/normalize/split.js';

const cell = fc.constantFrom('', 'a', '甲', '"x,y"', '"a""b"', '"line\nbreak"', '""');
const line = (cells: string[]): string => (cells.length === 1 && cells[0] === '' ? '""' : cells.join(','));

test('however a table is cut into groups of columns, each file has the rows of its columns', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'songhua-split-test-'));
  let runs = 0;
  try {
    const tables = fc
      .integer({ min: 1, max: 9 })
      .chain((columns) =>
        fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 9 }),
      );
    await fc.assert(
      fc.asyncProperty(tables, fc.integer({ min: 1, max: 5 }), async (rows, width) => {
        const path = join(folder, String(++runs));
        writeFileSync(path, rows.map((row) => `${line(row)}\n`).join(''));
        for (const group of await splitColumns(path, rows[0]?.length ?? 0, width)) {
          const expected = rows.map((row) => `${line(row.slice(group.from, group.from + group.width))}\n`).join('');
          expect(readFileSync(group.path, 'utf8')).toBe(expected);
        }
      }),
      { numRuns: 200 },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
