import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import type { LineRun } from '@songhua/contracts';
import { linesOf } from '@songhua/tables';
import fc from 'fast-check';
import { pickLines, pickRows } from './pick-rows.js';

const cell = fc.oneof(fc.constantFrom('', '"', '\n', 'a\n"b"', '松北区, 1'), fc.string({ maxLength: 8 }));
const rows = fc.array(fc.tuple(cell, cell), { maxLength: 30 });
const csv = (cells: string[]): string =>
  `${cells.map((one) => (/[",\r\n]/.test(one) ? `"${one.replaceAll('"', '""')}"` : one)).join(',')}\n`;

test('exactly the asked rows are copied byte for byte, whatever their cells and however the parts are cut', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'songhua-pick-'));
  try {
    await fc.assert(
      fc.asyncProperty(rows, fc.array(fc.boolean()), fc.integer({ min: 1, max: 7 }), async (table, chosen, size) => {
        const lines = table.map(csv);
        const positions = lines.flatMap((_, row) => (chosen[row] ? [row] : []));
        const parts: string[] = [];
        for (let from = 0; from < lines.length; from += size) {
          const path = join(folder, `part-${parts.length}`);
          writeFileSync(path, gzipSync(lines.slice(from, from + size).join('')));
          parts.push(path);
        }
        const out = join(folder, 'out');
        await pickRows(parts, positions, out);
        expect(gunzipSync(readFileSync(out)).toString()).toBe(positions.map((row) => lines[row]).join(''));
      }),
      { numRuns: 50 },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

const picked = async (lines: LineRun[], positions: number[]): Promise<LineRun[]> => {
  const runs: LineRun[] = [];
  for await (const piece of pickLines(linesOf(lines), positions)()) runs.push(...piece);
  return runs;
};

test('picked rows stand where they stood', async () => {
  const lines = [
    { row: 0, line: 2, file: 0 },
    { row: 5, line: 9, file: 0, step: 4 },
    { row: 8, line: 2, file: 1 },
  ];
  expect(await picked(lines, [0, 1, 5, 6, 8, 9])).toEqual([
    { row: 0, line: 2, file: 0 },
    { row: 2, line: 9, file: 0 },
    { row: 3, line: 13, file: 0 },
    { row: 4, line: 2, file: 1 },
  ]);
  expect(await picked([], [3])).toEqual([{ row: 0, line: 4, file: 0 }]);
});
