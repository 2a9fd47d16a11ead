import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BatchSink } from '../src/delimited/sink.js';
import { type LineRun, openTables } from '../src/index.js';
import { createFolder } from './support.js';

const folder = createFolder();
afterAll(() => folder.remove());

async function runsOf(name: string, text: string): Promise<{ rows: number; runs: LineRun[] }> {
  const runs: LineRun[] = [];
  let rows = 0;
  const [table] = await openTables({ path: folder.write(name, text), name });
  if (!table) throw new Error('no table');
  for await (const batch of table.batches()) {
    if (batch.type !== 'rows') continue;
    runs.push(...batch.lines);
    rows += batch.rows;
  }
  return { rows, runs };
}

const RECORDS = Array.from({ length: 20_000 }, (_, id) => ({ id, name: `松北区 ${id}`, score: id % 100 }));
const elements = RECORDS.map(({ id, name }) => `<row><id>${id}</id><name>${name}</name></row>`);

test.each([
  ['one-line JSON', 'one.json', JSON.stringify(RECORDS)],
  ['pretty JSON', 'pretty.json', JSON.stringify(RECORDS, null, 2)],
  ['one-line XML', 'one.xml', `<rows>${elements.join('')}</rows>`],
  ['XML with a record a line', 'lines.xml', `<rows>\n${elements.join('\n')}\n</rows>`],
  ['pretty XML', 'pretty.xml', `<rows>\n${elements.join('\n').replaceAll('><', '>\n<')}\n</rows>`],
  ['CSV', 'plain.csv', `id,name\n${RECORDS.map(({ id, name }) => `${id},${name}\n`).join('')}`],
  [
    'CSV of records of two lines',
    'two.csv',
    `id,name\n${RECORDS.map(({ id, name }) => `${id},"${name}\n"\n`).join('')}`,
  ],
])('records of equal height are a few runs, however many: %s', async (_, name, text) => {
  const { rows, runs } = await runsOf(name, text);
  expect(rows).toBe(RECORDS.length);
  expect(runs.length).toBeLessThanOrEqual(3);
});

test('every row stands where it was put, whatever the heights and wherever batches are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 3 }), fc.boolean()), { maxLength: 60 }), (rows) => {
      const sink = new BatchSink(Number.POSITIVE_INFINITY);
      const runs: LineRun[] = [];
      const lines: number[] = [];
      let line = 1;
      for (const [height, cut] of rows) {
        if (cut) sink.next(1);
        sink.row(line);
        lines.push(line);
        line += height;
        // What was taken is on its way and may not change any more.
        for (const batch of sink.take()) if (batch.type === 'rows') runs.push(...structuredClone(batch.lines));
      }
      sink.finish();
      for (const batch of sink.take()) if (batch.type === 'rows') runs.push(...batch.lines);
      const placed = lines.map((_, row) => {
        const run = runs.findLast((one) => one.row <= row);
        return run && run.line + (row - run.row) * (run.step ?? 1);
      });
      expect(placed).toEqual(lines);
    }),
  );
});
