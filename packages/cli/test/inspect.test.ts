import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from '@jest/globals';
import { createBench, parseCsv, storedZip } from './support.js';

const bench = createBench();
afterAll(() => bench.remove());

const GB18030 = Buffer.from([0xbf, 0xc6, 0xc4, 0xbf, 0xa3, 0xac, 0xbc, 0xd7]);

test('the document says what the contract says, and nothing else is on stdout', async () => {
  const text = '2017年统计表,,\n代码,金额,说明\n007,"1,234.5","甲 ""乙"""\n008,,\n009,3\n';
  const name = bench.write('数据.csv', text);
  const { exit, stdout, stderr } = await bench.inspect(name, '--json');
  expect([exit, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toMatchObject({
    file: name,
    format: 'delimited',
    encoding: 'utf-8',
    dialect: { delimiter: ',', quote: '"', escape: '"', lineEnding: 'lf', headerRows: 1, preambleRows: 1 },
    columns: [
      { name: '代码', type: 'string', nullable: false },
      { name: '金额', type: 'decimal', nullable: true },
      { name: '说明', type: 'string', nullable: true },
    ],
    rows: 2,
    rejected: [{ line: 5, code: 'row.fields', message: expect.stringMatching(/应有 3 .*expected 3/) }],
    rejectedCount: 1,
    warnings: [{ code: 'table.preamble' }, { code: 'guard.rejected' }],
    sha256: createHash('sha256').update(text).digest('hex'),
  });
});

test('the rows are written as RFC 4180 under one header row, with the text of the source', async () => {
  const cells = [
    ['名称', '值', 'note'],
    [' 甲 ', '１２', 'a,b'],
    ['"乙"', '007', 'x\r\ny'],
    ['', '-', '=1+1'],
  ];
  const lines = cells.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(';'));
  const utf16 = Buffer.from(`\ufeff${lines.join('\r\n')}\r\n`, 'utf16le');
  const { encoding, dialect, rows, ...document } = await bench.document(bench.write('utf16.txt', utf16));
  expect([encoding, dialect.delimiter, dialect.lineEnding, rows]).toEqual(['utf-16le', ';', 'crlf', 3]);
  expect(document.cells).toEqual(cells);
});

test('rows and rejected rows add up, and rejected ones are written in the order of their lines', async () => {
  const lines = Array.from({ length: 5000 }, (_, i) => {
    if (i % 1000 === 500) return `${i},缺字段`;
    return `${i},${i % 700 === 650 ? '约' : i / 4},"第 ${i}\n行"`;
  });
  const document = await bench.document(bench.write('mixed.csv', `编号,高度,说明\n${lines.join('\n')}\n`));
  expect(document.columns.map(({ type }) => type)).toEqual(['integer', 'decimal', 'string']);
  expect([document.rows, document.rejectedCount]).toEqual([4988, 12]);
  expect(document.rejectedByCode).toEqual({ 'row.fields': 5, 'cell.type': 7 });
  expect(document.cells.slice(1).map(([id]) => Number(id))).toEqual(
    Array.from({ length: 5000 }, (_, i) => i).filter((i) => i % 1000 !== 500 && i % 700 !== 650),
  );
  const rejectedLines = document.rejectedRows.map(({ line }) => Number(line));
  expect(rejectedLines).toEqual([...rejectedLines].sort((a, b) => a - b));
  expect(rejectedLines).toEqual(document.rejected.map(({ line }) => line));
  // Lines are physical: rows of two lines each before it, and one line for each that was ragged.
  expect(document.rejectedRows.find(({ raw }) => raw === '500,缺字段')).toMatchObject({
    line: 1002,
    code: 'row.fields',
  });
  expect(document.rejectedRows.find(({ raw }) => String(raw).startsWith('650,'))).toMatchObject({
    line: 1301,
    field: '高度',
    code: 'cell.type',
    raw: '650,约,"第 650\n行"',
  });
});

test('without a header the columns are numbered, with duplicates and blanks they are named', async () => {
  const bare = await bench.document(bench.write('bare.csv', '1,2017-01-01,甲\n2,2017-01-02,乙\n3,2017-01-03,丙\n'));
  expect(bare.dialect.headerRows).toBe(0);
  expect(bare.cells[0]).toEqual(['column_1', 'column_2', 'column_3']);
  expect(bare.rows).toBe(3);
  const odd = await bench.document(bench.write('odd.csv', '名称,名称,, 值 \n甲,乙,1,2\n'));
  expect(odd.columns.map(({ name, source }) => [name, source])).toEqual([
    ['名称', '名称'],
    ['名称_2', '名称'],
    ['column_3', ''],
    ['值', ' 值 '],
  ]);
});

test('what is told is not guessed', async () => {
  const name = bench.write('told.csv', Buffer.concat([Buffer.from('a~~b\n'), GB18030, Buffer.from('~~x\n')]));
  const document = await bench.document(name, '--encoding', 'gb18030', '--delimiter', '~~', '--header-rows', '0');
  expect(document.cells).toEqual([
    ['column_1', 'column_2'],
    ['a', 'b'],
    ['科目，甲', 'x'],
  ]);
  expect(document.decisions.find(({ what }) => what === 'encoding')).toMatchObject({ evidence: 'told', confidence: 1 });
});

test('where records are and how wide columns are can be told', async () => {
  const json = bench.write('told.json', '{"result":{"total":2,"records":[{"id":1},{"id":2}],"years":[{"y":2024}]}}');
  const { cells } = await bench.document(json, '--record-path', '/result/years');
  expect(cells).toEqual([['y'], ['2024']]);
  const text = bench.write('fixed.txt', 'name      qty\napple       1\npear       12\n');
  const fixed = await bench.document(text, '--fixed-width', '10,3');
  expect([fixed.format, fixed.cells]).toEqual([
    'fixed-width',
    [
      ['name', 'qty'],
      ['apple', '1'],
      ['pear', '12'],
    ],
  ]);
  const { exit, stderr } = await bench.inspect(text, '--fixed-width', '10,0');
  expect([exit, stderr]).toEqual([2, expect.stringContaining('e.g. 10,8,8')]);
});

test('several files are an array in their order; what cannot be read is told and does not stop the others', async () => {
  const good = bench.write('good.csv', 'a,b\n1,2\n');
  const page = bench.write('page.csv', '<!DOCTYPE html><html><body>login</body></html>');
  const { exit, stdout, stderr } = await bench.inspect(good, page, 'none.csv', good, '--json', '--out', 'several');
  expect(exit).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject([
    { file: good, rows: 1 },
    { file: page, error: { code: 'source.html', actor: 'department' } },
    { file: 'none.csv', error: { code: 'usage.file' } },
    { file: good, rows: 1 },
  ]);
  expect(stderr).toMatch(/source\.html[\s\S]*usage\.file/);
  expect(readdirSync(join(bench.path, 'several')).sort()).toEqual([
    'good.csv.rejected.ndjson',
    'good.csv.rows.csv',
    'good.csv_2.rejected.ndjson',
    'good.csv_2.rows.csv',
  ]);
});

test('files of the same name in different folders are both written', async () => {
  mkdirSync(join(bench.path, 'one'));
  mkdirSync(join(bench.path, 'two'));
  const files = [bench.write('one/x.csv', 'a,b\n1,2\n'), bench.write('two/x.csv', 'a,b\n3,4\n')];
  const documents = await bench.documents(...files, '--out', 'same');
  expect(
    documents.map(({ written }) => parseCsv(readFileSync(join(bench.path, written?.rows ?? ''), 'utf8'))[1]),
  ).toEqual([
    ['1', '2'],
    ['3', '4'],
  ]);
});

test('a packed file is read through its container, and hashed as given', async () => {
  const packed = gzipSync('编号,值\n1,2\n3,4\n');
  const document = await bench.document(bench.write('packed.csv.gz', packed));
  expect([document.rows, document.sha256]).toEqual([2, createHash('sha256').update(packed).digest('hex')]);
});

test('an archive of several tables is several documents, named by file and entry', async () => {
  const archive = storedZip({
    '一/甲.csv': '编号,值\n1,2\n',
    'b.csv': 'x;y\n007;2\n008;3\n',
    '一/乙.csv': 'k,v\n5,6\n',
  });
  const documents = await bench.documents(bench.write('city.zip', archive), '--out', 'archive');
  expect(documents.map(({ file, rows }) => [file, rows]).sort()).toEqual(
    [
      ['city.zip.一/甲.csv', 1],
      ['city.zip.一/乙.csv', 1],
      ['city.zip.b.csv', 2],
    ].sort(),
  );
  const sha256 = createHash('sha256').update(archive).digest('hex');
  expect(new Set(documents.map((document) => document.sha256))).toEqual(new Set([sha256]));
  expect(
    readdirSync(join(bench.path, 'archive'))
      .filter((name) => name.endsWith('.rows.csv'))
      .sort(),
  ).toEqual(['city.zip.b.csv.rows.csv', 'city.zip.一_甲.csv.rows.csv', 'city.zip.一_乙.csv.rows.csv'].sort());
});

test('a file without rows has columns and no rows; an empty one has neither, and both say so', async () => {
  const header = await bench.document(bench.write('header.csv', '名称,值\n'));
  expect([header.rows, header.cells]).toEqual([0, [['名称', '值']]]);
  const empty = await bench.document(bench.write('empty.csv', ''));
  expect([empty.rows, empty.cells, empty.columns]).toEqual([0, [], []]);
  expect(empty.warnings).toMatchObject([{ code: 'source.empty' }]);
});

test('the report for a person shows what was decided with evidence, the columns, and why rows were rejected', async () => {
  const name = bench.write('report.csv', '编号,日期\n1,2017年7月1日\n2\n3,2017/7/2\n');
  const { exit, stdout } = await bench.inspect(name);
  expect(exit).toBe(0);
  for (const part of [
    /编码 encoding\s+utf-8\s+99%/,
    /分隔符 delimiter/,
    /日期\s+日期 date/,
    /3\s+row\.fields\s+应有 2 个字段/,
  ])
    expect(stdout).toMatch(part);
});

test('a report never passes on control characters that could steer a terminal', async () => {
  const { stdout } = await bench.inspect(bench.write('escape.csv', 'a\u001b[31m,b\u009b2J\n1,x\n2,y\n'));
  expect(stdout).toContain('\\u001b[31m');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the point of the test
  expect(stdout).not.toMatch(/[\u001b\u009b]/);
});

test('wrong usage ends with 2 and says what to do', async () => {
  for (const [args, message] of [
    [[], /missing required argument/],
    [['x.csv', '--delimiter', 'abc'], /usage\.delimiter.*one or two/],
    [['x.csv', '--header-rows', 'two'], /whole number/],
    [['x.csv', '--encoding', 'klingon'], /usage\.file|encoding\.unknown/],
    [['.'], /usage\.file.*not a file/],
  ] as const) {
    const { exit, stderr } = await bench.inspect(...args);
    expect([exit, stderr]).toEqual([2, expect.stringMatching(message)]);
  }
});

test('nothing is left behind, whether reading succeeds or fails', async () => {
  const bad = bench.write('bad.csv', '<html>');
  await bench.inspect(bad, '--out', 'left');
  expect(readdirSync(join(bench.path, 'left'))).toEqual([]);
  expect(existsSync(join(bench.path, 'left'))).toBe(true);
});

test('a folder for --out that cannot be made is wrong usage, told at once', async () => {
  const file = bench.write('beside.csv', 'a,b\n1,2\n');
  const nowhere = [file, `${file}/below`, ...(process.platform === 'linux' ? ['/proc/songhua/rows'] : [])];
  for (const folder of nowhere) {
    const { exit, stdout, stderr } = await bench.inspect(file, '--out', folder);
    expect([exit, stdout]).toEqual([2, '']);
    expect(stderr).toContain('usage.out');
  }
  expect(await bench.inspect(file, '--out', 'new/below/it')).toMatchObject({ exit: 0 });
});
