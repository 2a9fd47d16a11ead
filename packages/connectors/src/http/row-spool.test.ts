import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { cellsOf } from '@songhua/connector-sdk';
import { MAX_BATCH_BYTES } from '@songhua/contracts';
import fc from 'fast-check';
import { openRowSpool, type RowSpool } from './row-spool.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songhua-spool-'));
});
afterEach(() => rm(folder, { recursive: true }));

const cell = fc.string({ unit: fc.constantFrom('a', '道', '"', ',', '\n', ' '), maxLength: 6 });
const written = (rows: string[][]): Buffer =>
  Buffer.from(rows.map((row) => `${row.map((text) => `"${text.replaceAll('"', '""')}"`).join(',')}\n`).join(''));
const column = (name: string) => ({ name, source: name });

async function emitted(spool: RowSpool, first: string[] = []): Promise<string[][]> {
  const rows: string[][] = [];
  for await (const message of spool.messages(first.map(column))) {
    if (message.type !== 'rows') continue;
    expect(message.csv.length).toBeLessThanOrEqual(MAX_BATCH_BYTES);
    const cells = cellsOf(message.csv, Number.POSITIVE_INFINITY);
    expect(cells).toHaveLength(message.rows);
    rows.push(...cells);
  }
  return rows;
}

test('what comes out is what went in, in order, under all columns by name', async () => {
  const page = fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd'), { minLength: 1 }).chain((names) =>
    fc.record({
      names: fc.constant(names),
      rows: fc.array(fc.array(cell, { minLength: names.length, maxLength: names.length }), { maxLength: 4 }),
    }),
  );
  let file = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(page, { maxLength: 8 }), async (pages) => {
      const spool = await openRowSpool(join(folder, `${file++}`));
      for (const { names, rows } of pages) {
        spool.columns(names.map(column));
        if (rows.length > 0) await spool.rows(names.map(column), written(rows), rows.length);
      }
      const all = spool.unified([column('d')]).map(({ name }) => name);
      expect(new Set(all)).toEqual(new Set(['d', ...pages.flatMap(({ names }) => names)]));
      const wanted = pages.flatMap(({ names, rows }) =>
        rows.map((row) => all.map((name) => row[names.indexOf(name)] ?? '')),
      );
      expect(await emitted(spool, ['d'])).toEqual(wanted);
      await spool.close();
    }),
    { numRuns: 60 },
  );
});

test('many small pages become few batches, and added columns never make one too large', async () => {
  const spool = await openRowSpool(join(folder, 'large'));
  for (let page = 0; page < 400; page++) {
    const rows = Array.from({ length: 300 }, (_, row) => [`${page}`, `${row}`]);
    await spool.rows(['page', 'row'].map(column), written(rows), rows.length);
  }
  await spool.rows(
    Array.from({ length: 50 }, (_, at) => column(`extra_${at}`)),
    written([Array.from({ length: 50 }, () => 'x')]),
    1,
  );
  const rows = await emitted(spool);
  expect(rows).toHaveLength(400 * 300 + 1);
  expect(rows.slice(0, -1).map(([page, row]) => Number(page) * 300 + Number(row))).toEqual([
    ...Array(400 * 300).keys(),
  ]);
  await spool.close();
});

test('the digest tells rows, their order, columns and rejected rows apart, and nothing else', async () => {
  let file = 0;
  const digestOf = async (fill: (spool: RowSpool) => Promise<void>) => {
    const spool = await openRowSpool(join(folder, `digest-${file++}`));
    await fill(spool);
    await spool.close();
    return spool.digest();
  };
  const rows =
    (names: string[], ...cells: string[][]) =>
    (spool: RowSpool) =>
      spool.rows(names.map(column), written(cells), cells.length);
  const all = [
    rows(['a'], ['1'], ['2']),
    rows(['a'], ['2'], ['1']),
    rows(['b'], ['1'], ['2']),
    rows(['a'], ['1']),
    async (spool: RowSpool) => {
      await rows(['a'], ['1'], ['2'])(spool);
      await spool.rejected([{ file: 0, line: 1, code: 'row.json', message: 'm', raw: 'r' }]);
    },
  ];
  const digests = await Promise.all([...all, ...all].map((fill) => digestOf(fill)));
  expect(new Set(digests).size).toBe(all.length);
});
