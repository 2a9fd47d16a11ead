import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalLine, DROPPED_BYTES, siftRecords } from '../src/inspect/canonical.js';
import { createCursor } from '../src/inspect/cursor.js';
import { parseCsv } from './support.js';

const cell = fc.string({ unit: fc.constantFrom('a', '甲', '"', ',', '\n', '\r', ' ', '😀'), maxLength: 6 });
const table = fc
  .integer({ min: 1, max: 4 })
  .chain((columns) =>
    fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 20 }),
  );

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* inPieces<T>(items: T[], size: number): AsyncGenerator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}

async function sift(csv: string, drop: number[], size: number): Promise<{ kept: string; dropped: string[] }> {
  const kept: Buffer[] = [];
  const dropped: string[] = [];
  const drops = await createCursor(
    inPieces(
      drop.map((row, n) => ({ row, n })),
      1 + (size % 3),
    ),
  );
  await siftRecords(inChunks(Buffer.from(csv), size), drops, {
    keep: async (piece) => void kept.push(Buffer.from(piece)),
    drop: async ({ n }, record) => {
      dropped[n] = record.toString('utf8');
    },
  });
  return { kept: Buffer.concat(kept).toString('utf8'), dropped };
}

test('whatever is dropped, in chunks of any size, the other records stay byte for byte and each dropped one is told', async () => {
  await fc.assert(
    fc.asyncProperty(
      table,
      fc.infiniteStream(fc.boolean()),
      fc.integer({ min: 1, max: 40 }),
      async (rows, coin, size) => {
        const lines = rows.map(canonicalLine);
        const drop = rows.flatMap((_, i) => (i > 0 && coin.next().value ? [i - 1] : []));
        const { kept, dropped } = await sift(lines.join(''), drop, size);
        expect(kept).toBe(lines.filter((_, i) => !drop.includes(i - 1)).join(''));
        expect(dropped).toEqual(drop.map((i) => lines[i + 1]?.slice(0, -1)));
      },
    ),
    { numRuns: 500 },
  );
});

test('what is written as canonical reads back as it was', () =>
  fc.assert(fc.property(table, (rows) => expect(parseCsv(rows.map(canonicalLine).join(''))).toEqual(rows))));

test('a dropped record of any length takes bounded memory', async () => {
  const { kept, dropped } = await sift(`a\n${'x'.repeat(1_000_000)}\ny\n`, [0], 64 * 1024);
  expect([kept, dropped[0]?.length]).toEqual(['a\ny\n', DROPPED_BYTES]);
});
