import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createFolder, readAll } from './support.js';

const folder = createFolder();
afterAll(() => folder.remove());

const read = (content: string) => readAll(folder.write('input.csv', content));

const HEADER = '日期,数量,名称,说明,网址,备注';
/** A table as departments export it: typed columns, texts, and a remark that nobody fills. */
const TABLE = Array.from({ length: 40 }, (_, i) => [
  `2025-03-${String((i % 28) + 1).padStart(2, '0')}`,
  String(i * 7),
  `设备甲 ${'abc'[i % 3]}`,
  `${i % 2 === 0 ? '"红色, 大号"' : '蓝色'}`,
  `"https://example.com/${i}"`,
  '',
]);
const cellsOf = (row: string[]): string[] => row.map((cell) => cell.replace(/^"(.*)"$/, '$1'));

/** The table with one row written otherwise. */
const withRow = (at: number, line: string): string =>
  [HEADER, ...TABLE.map((row, i) => (i === at ? line : row.join(',')))].join('\n').concat('\n');

test('a row with a blank field too many is read where the columns leave one way only, under a warning', async () => {
  const row = TABLE[25] as string[];
  for (const at of [0, 1, 4, 5, 6]) {
    const { rows, rejected, table } = await read(withRow(25, row.toSpliced(at, 0, '').join(',')));
    expect(rejected).toEqual([]);
    expect(rows[25]).toEqual(cellsOf(row));
    expect(table.warnings.map((w) => w.code)).toEqual(['rows.fields']);
    expect(table.warnings[0]?.message).toContain('第 27 行');
  }
});

test('a blank field before a text is not left out: the text may be the value too many', async () => {
  const row = TABLE[25] as string[];
  for (const at of [2, 3]) {
    const { rows, rejected } = await read(withRow(25, row.toSpliced(at, 0, '').join(',')));
    expect([rows.length, rejected.map(({ line }) => line)]).toEqual([39, [27]]);
  }
});

test('a row that ends before a column that no row fills is read', async () => {
  const row = TABLE[30] as string[];
  const { rows, rejected } = await read(withRow(30, row.slice(0, -1).join(',')));
  expect(rejected).toEqual([]);
  expect(rows[30]).toEqual(cellsOf(row));
});

test('a row that lacks a delimiter between two cells is rejected', async () => {
  const row = TABLE[30] as string[];
  for (let at = 1; at < row.length - 1; at++) {
    if (at === 3) continue;
    const glued = row.toSpliced(at - 1, 2, `${row[at - 1]}${row[at]}`);
    const { rows, rejected } = await read(withRow(at === 4 ? 31 : 30, glued.join(',')));
    expect(rows).toHaveLength(39);
    expect(rejected).toHaveLength(1);
  }
});

test('a quoted cell right behind an unquoted one is a cell of its own when only that fits the columns', async () => {
  const lines = Array.from({ length: 40 }, (_, i) => `${i},${i}.50,"deep, blue",x`);
  const written = ['id,price,colour,mark', ...lines.with(20, '20,20.50"deep, blue",x')].join('\n');
  const { rows, rejected, table } = await read(written);
  expect(rejected).toEqual([]);
  expect(rows[20]).toEqual(['20', '20.50', 'deep, blue', 'x']);
  expect(table.warnings.map((w) => w.code)).toEqual(['rows.fields']);
});

test('a row whose quotes allow two readings that both fit is rejected, not guessed', async () => {
  const lines = Array.from({ length: 40 }, (_, i) => `${i},pipe,"deep, blue"`);
  const { rows, rejected } = await read(['id,name,colour', ...lines.with(20, '20,pipe"deep, blue"')].join('\n'));
  expect(rows).toHaveLength(39);
  expect(rejected.map(({ line, code }) => ({ line, code }))).toEqual([{ line: 22, code: 'row.quote' }]);
});

test('inch marks in neighbouring cells stay text', async () => {
  const lines = Array.from({ length: 40 }, (_, i) => `${i},pipe ${i % 4}",rod 6",x`);
  const { rows, rejected } = await read(['id,pipe,rod,mark', ...lines].join('\n'));
  expect(rejected).toEqual([]);
  expect(rows[21]).toEqual(['21', 'pipe 1"', 'rod 6"', 'x']);
});

test('a comma in a text that should have been quoted does not move other cells', async () => {
  const lines = Array.from({ length: 40 }, (_, i) => `${i},road ${i},${i % 2 === 0 ? '' : 'note'}`);
  const { rows, rejected } = await read(['id,address,note', ...lines.with(20, '20,road 20, east,')].join('\n'));
  expect(rows).toHaveLength(39);
  expect(rejected.map(({ code }) => code)).toEqual(['row.fields']);
});

test('a value too many does not take the place of a blank that its row has by right', async () => {
  const lines = Array.from(
    { length: 400 },
    (_, i) => `${i},2025-03-01,road,${i < 100 || i % 9 > 0 ? 'note' : ''},open`,
  );
  for (const line of ['200,2025-03-01,road,,open,surplus', '200,2025-03-01,road,surplus,,open']) {
    const { rows, rejected } = await read(['id,day,address,note,state', ...lines.with(200, line)].join('\n'));
    expect([rows.length, rejected.map(({ code }) => code)]).toEqual([399, ['row.fields']]);
  }
});

test('the rows of a second table of another width are not made to fit the first', async () => {
  const first = [HEADER, ...TABLE.map((row) => row.join(','))];
  for (const second of [
    [HEADER.replace(',备注', ''), ...TABLE.map((row) => row.slice(0, -1).join(','))],
    [`${HEADER},另`, ...TABLE.map((row) => [...row, ''].join(','))],
  ]) {
    const { rows, rejected } = await read([...first, ...second].join('\n'));
    expect(rows).toHaveLength(40);
    expect(rejected).toHaveLength(41);
  }
});

test('a row that was put right is the row that was meant, whatever delimiter came or went', async () => {
  const row = fc.tuple(
    fc.integer({ min: 0, max: 999 }).map(String),
    fc.constantFrom('甲', '乙 1', 'c'),
    fc.constantFrom('', 'x'),
    fc
      .date({ min: new Date('2000-01-01'), max: new Date('2030-01-01'), noInvalidDate: true })
      .map((d) => d.toISOString().slice(0, 10)),
    fc.constantFrom('', '无', '备注 a'),
  );
  const table = fc.array(row, { minLength: 30, maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(
      table,
      fc.nat(),
      fc.nat(5),
      fc.constantFrom('lost', '', '多余'),
      async (cells, where, at, fault) => {
        const broken = where % cells.length;
        const line = (r: string[], i: number): string => {
          if (i !== broken) return r.join(',');
          const k = Math.max(1, at);
          const glued = r.toSpliced(k - 1, 2, `${r[k - 1]}${r[k] ?? ''}`);
          return (fault === 'lost' ? glued : r.toSpliced(at, 0, fault)).join(',');
        };
        const { rows, rejected } = await read(['号,名,标,日,注', ...cells.map(line)].join('\n').concat('\n'));
        expect(rows.length + rejected.length).toBe(cells.length);
        expect(rows).toEqual(rejected.length === 0 ? cells : cells.toSpliced(broken, 1));
      },
    ),
    { numRuns: 200 },
  );
});

test('a delimiter that leaves quotes inside its fields is not the delimiter', async () => {
  const lines = Array.from({ length: 40 }, (_, i) => `2025-03-01 1${i % 10}:30 ${i} "GET /a, b" "https://x.cn/${i}"`);
  const { header, rows, rejected } = await read(['date time size request page', ...lines].join('\n'));
  expect(rejected).toEqual([]);
  expect(header).toEqual(['date', 'time', 'size', 'request', 'page']);
  expect(rows[3]).toEqual(['2025-03-01', '13:30', '3', 'GET /a, b', 'https://x.cn/3']);
});
