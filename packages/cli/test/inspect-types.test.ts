import { afterAll, expect, test } from '@jest/globals';
import { createBench } from './support.js';

const bench = createBench();
afterAll(() => bench.remove());

const ROWS = 300;
const two = (n: number) => String(n).padStart(2, '0');
const year = (i: number) => 2000 + (i % 20);
const month = (i: number) => 1 + (i % 12);
const day = (i: number) => 1 + (i % 28);
const fullWidth = (text: string) =>
  text.replace(/[\d.]/g, (c) => (c === '.' ? '．' : String.fromCodePoint((c.codePointAt(0) ?? 0) + 0xfee0)));
const grouped = (n: number) => n.toLocaleString('en-US');

/** A column by what is in it: its type, whether cells have no value, and its cells. */
const COLUMNS: Record<string, [type: string, nullable: boolean, cell: (i: number) => string]> = {
  'identifiers with leading zeros stay text': ['string', false, (i) => `0${10_000 + i}`],
  'card numbers of 18 digits stay text': ['string', false, (i) => `2301021990010${10_000 + i}`],
  'numbers of 15 digits stay text': ['string', false, (i) => `${622_200_000_000_000 + i}`],
  'numbers of 14 digits are numbers': ['integer', false, (i) => `${22_200_000_000_000 + i}`],
  'one leading zero among numbers makes text': ['string', false, (i) => (i === 290 ? '007' : `${i + 1}`)],
  'dates as 2017年7月1日': ['date', false, (i) => `${year(i)}年${month(i)}月${day(i)}日`],
  'dates as 2017/7/1': ['date', false, (i) => `${year(i)}/${month(i)}/${day(i)}`],
  'dates as 2017.07.01': ['date', false, (i) => `${year(i)}.${two(month(i))}.${two(day(i))}`],
  'dates as 2017-07-01': ['date', false, (i) => `${year(i)}-${two(month(i))}-${two(day(i))}`],
  'dates as 20170701': ['date', false, (i) => `${year(i)}${two(month(i))}${two(day(i))}`],
  'dates in five styles at once': [
    'date',
    false,
    (i) => [`${year(i)}年1月2日`, `${year(i)}/1/2`, `${year(i)}.1.2`, `${year(i)}-01-02`][i % 4] ?? '',
  ],
  'days that do not exist are text': ['string', false, (i) => (i % 2 ? '2017-02-30' : '2017-02-28')],
  'datetimes with zone': ['datetime', false, (i) => `${year(i)}-07-01T08:${two(i % 60)}:00+08:00`],
  'datetimes to the minute': ['datetime', false, (i) => `${year(i)}/7/1 8:${two(i % 60)}`],
  'datetimes in Chinese': ['datetime', false, (i) => `${year(i)}年7月1日 8时${i % 60}分`],
  'times of day': ['time', false, (i) => `${two(i % 24)}:30`],
  'numbers with separators': ['integer', false, (i) => grouped(i * 1234)],
  'decimals with separators': ['decimal', false, (i) => `${grouped(i * 1234)}.50`],
  'full-width digits': ['integer', false, (i) => fullWidth(`${i * 7}`)],
  'full-width decimals': ['decimal', false, (i) => fullWidth(`${i}.25`)],
  percentages: ['decimal', false, (i) => `${i}.5%`],
  'full-width percent signs': ['decimal', false, (i) => `${i}％`],
  '是 and 否': ['boolean', false, (i) => '是否'[i % 2] ?? ''],
  'true and FALSE': ['boolean', false, (i) => (i % 2 ? 'true' : 'FALSE')],
  'Y and N': ['boolean', false, (i) => 'YN'[i % 2] ?? ''],
  '0 and 1 are numbers': ['integer', false, (i) => `${i % 2}`],
  coordinates: ['decimal', false, (i) => `${126.5 + i / 1000}`],
  'pairs of coordinates are text': ['string', false, (i) => `126.${i}、45.${i}`],
  'decimals beyond a double': ['decimal', false, (i) => `${i}.123456789012345678901234`],
  'amounts with a unit are text': ['string', false, (i) => `${i}万元`],
  'scores that look like times are text': ['string', false, (i) => `${i % 9}:${two(i % 60)}`],
  'years and months are text': ['string', false, (i) => `${year(i)}年${month(i)}月`],
  'exponents are text': ['string', false, (i) => `${1 + (i % 9)}e${i % 5}`],
  'words for blank in a number': [
    'integer',
    true,
    (i) => ['空', '无', 'N/A', '-', 'NULL', '', ' ', '／'][i % 16] ?? `${i}`,
  ],
  'words for blank in a date': ['date', true, (i) => (i % 3 ? '2017-07-01' : '无')],
  'words for blank in text are text': ['string', false, (i) => (i % 3 ? `甲${i}` : '无')],
  'nothing but words for blank is text': ['string', false, () => '-'],
  'nothing at all is text': ['string', true, () => ''],
  'empty cells, quoted or not, are no value': ['integer', true, (i) => (i % 2 ? `${i}` : '')],
};

const quote = (cell: string, i: number) => (cell === '' && i % 4 === 0 ? '""' : /[",]/.test(cell) ? `"${cell}"` : cell);
const names = Object.keys(COLUMNS);
const cellsOf = (i: number) => Object.values(COLUMNS).map(([, , cell]) => cell(i));
const table = [names, ...Array.from({ length: ROWS }, (_, i) => cellsOf(i))];

test('columns are typed by what every cell says, and the text is written as it was', async () => {
  const text = `${table.map((row, i) => row.map((cell) => quote(cell, i)).join(',')).join('\n')}\n`;
  const document = await bench.document(bench.write('types.csv', text));
  const found = document.columns.map(({ name, type, nullable }) => [name, type, nullable]);
  expect(found).toEqual(names.map((name) => [name, COLUMNS[name]?.[0], COLUMNS[name]?.[1]]));
  expect([document.rows, document.rejectedCount]).toEqual([ROWS, 0]);
  expect(document.cells).toEqual(table);
});

test('one bad cell in 100,000 rejects its row and leaves the type, in any column and place', async () => {
  const bad: Record<number, [number, string]> = { 77777: [0, '约5'], 99999: [1, '2017-13-01'], 3: [2, '也许'] };
  const rows = Array.from({ length: 100_000 }, (_, i) => {
    const cells = [`${i}`, `2017-01-${two(day(i))}`, '是否'[i % 2] ?? '', `${i / 8}`];
    const [column, cell] = bad[i] ?? [];
    if (column !== undefined && cell !== undefined) cells[column] = cell;
    return cells.join(',');
  });
  const document = await bench.document(bench.write('one-bad.csv', `数量,日期,开放,经度\n${rows.join('\n')}\n`));
  expect(document.columns.map(({ type }) => type)).toEqual(['integer', 'date', 'boolean', 'decimal']);
  expect([document.rows, document.rejectedCount, document.cells.length]).toEqual([99_997, 3, 99_998]);
  expect(document.rejectedRows.map(({ line, field, code, raw }) => [line, field, code, raw])).toEqual([
    [5, '开放', 'cell.type', '3,2017-01-04,也许,0.375'],
    [77_779, '数量', 'cell.type', expect.stringMatching(/^约5,/)],
    [100_001, '日期', 'cell.type', expect.stringMatching(/2017-13-01/)],
  ]);
  expect(document.rejected[0]?.message).toMatch(/应为“是”或“否”.* \/ .*yes or no/);
}, 120_000);

test('a long text beyond any sample decides the type as much as the first rows do', async () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => (i < 19_000 ? `${i},${i}` : `${i},第${i}号`));
  const document = await bench.document(bench.write('late.csv', `编号,值\n${rows.join('\n')}\n`));
  expect(document.columns.map(({ type }) => type)).toEqual(['integer', 'string']);
  expect(document.rejectedCount).toBe(0);
});

test('cells that are declared blank have no value, and no others', async () => {
  const cells = Array.from({ length: 60 }, (_, i) => (i === 7 ? '-999' : i === 9 ? '缺测' : i === 11 ? '无' : `${i}`));
  const file = bench.write('blanks.csv', `n,v\n${cells.map((cell, i) => `${i},${cell}`).join('\n')}\n`);
  const { exit, stdout } = await bench.inspect(file, '--json', '--blank', '-999', '--blank', '缺测');
  expect(exit).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    columns: [{ name: 'n' }, { name: 'v', type: 'integer', nullable: true }],
    rows: 59,
    rejected: [{ line: 13, code: 'cell.type' }],
  });
});
