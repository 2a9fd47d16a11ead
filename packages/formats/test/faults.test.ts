import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { codeOf } from '@songhua/domain';
import { DEFAULT_LIMITS } from '../src/index.js';
import { createFolder, readAll } from './support.js';

const folder = createFolder();
afterAll(() => folder.remove());

const read = (content: string | Buffer, options = {}) => readAll(folder.write('input.csv', content), options);

async function failure(
  run: Promise<unknown>,
): Promise<{ code: string | undefined; message: string; actor: string; details: Record<string, unknown> }> {
  try {
    await run;
  } catch (error) {
    return {
      ...(error as { message: string; actor: string; details: Record<string, unknown> }),
      code: codeOf(error),
      message: (error as Error).message,
    };
  }
  throw new Error('expected an error');
}

/** A file of `head`, then `block` many times, then `tail`, written without holding it. */
function writeLarge(name: string, head: string, block: Buffer, times: number, tail = ''): string {
  const path = join(folder.path, name);
  const file = openSync(path, 'w');
  writeSync(file, head);
  for (let i = 0; i < times; i++) writeSync(file, block);
  writeSync(file, tail);
  closeSync(file);
  return path;
}

test('line breaks in quotes stay in their cell, and the rows after them keep their lines', async () => {
  const { rows, lines } = await read('a,b,c\n1,"x\r\ny\nz",2\n3,4,5\n');
  expect(rows).toEqual([
    ['1', 'x\r\ny\nz', '2'],
    ['3', '4', '5'],
  ]);
  expect(lines).toEqual([2, 5]);
});

test('a lone quote in an unquoted field is text', async () => {
  const { rows, rejected } = await read('a,b\n1,19" rack\n2,x"y"z\n');
  expect(rows).toEqual([
    ['1', '19" rack'],
    ['2', 'x"y"z'],
  ]);
  expect(rejected).toEqual([]);
});

test('rows with too few or too many fields are rejected with line, offset, raw text and a message in two languages', async () => {
  const { rows, rejected } = await read('a,b,c\n1,2,3\n4,5\n6,7,8,9\n10,11,12\n');
  expect(rows).toEqual([
    ['1', '2', '3'],
    ['10', '11', '12'],
  ]);
  expect(rejected.map(({ line, offset, code, raw }) => ({ line, offset, code, raw }))).toEqual([
    { line: 3, offset: 12, code: 'row.fields', raw: '4,5' },
    { line: 4, offset: 16, code: 'row.fields', raw: '6,7,8,9' },
  ]);
  expect(rejected[0]?.message).toMatch(/应有 3 个字段.*expected 3 fields, found 2/);
});

test('offsets of rejected rows are offsets in the source, in every encoding', async () => {
  const text = '名称,值\n甲,1\n乙\n丙,3\n';
  for (const [encoding, bytes] of [
    ['utf-8', Buffer.from(`\ufeff${text}`)],
    ['utf-16le', Buffer.from(text, 'utf16le')],
    ['utf-16be', Buffer.from(text, 'utf16le').swap16()],
  ] as const) {
    const { rejected } = await read(bytes, { encoding });
    const broken =
      encoding === 'utf-8'
        ? Buffer.from('乙')
        : encoding === 'utf-16le'
          ? Buffer.from('乙', 'utf16le')
          : Buffer.from('乙', 'utf16le').swap16();
    expect(rejected.map((r) => [r.line, r.offset])).toEqual([[3, bytes.indexOf(broken)]]);
  }
});

test('offsets are right in a file of many chunks that is not UTF-8', async () => {
  const lines = Array.from({ length: 60_000 }, (_, i) => (i % 1000 === 999 ? `坏${i}` : `甲${i},乙乙乙乙乙`));
  const bytes = Buffer.from(`名称,值\n${lines.join('\n')}\n`, 'utf16le');
  const { rejected, rows } = await read(bytes, { encoding: 'utf-16le' });
  expect([rows.length, rejected.length]).toEqual([59_940, 60]);
  for (const { offset, raw } of rejected.filter((r) => r.offset !== undefined)) {
    expect(bytes.toString('utf16le', offset, (offset as number) + 2 * raw.length)).toBe(raw);
  }
  expect(rejected.filter((r) => r.offset === undefined).length).toBeLessThan(3);
});

test('a row with a NUL byte is rejected, the rows around it are read', async () => {
  const { rows, rejected } = await read('a,b\n1,2\n3,\u00004\n5,"\u0000"\n6,7\n');
  expect(rows).toEqual([
    ['1', '2'],
    ['6', '7'],
  ]);
  expect(rejected.map((r) => [r.line, r.code])).toEqual([
    [3, 'row.nul'],
    [4, 'row.nul'],
  ]);
});

test('carriage returns alone end lines where there are no line feeds', async () => {
  const { rows, table, lines } = await read('a,b\r1,"x\ry"\r2,z\r');
  expect(table.dialect.lineEnding).toBe('cr');
  expect(rows).toEqual([
    ['1', 'x\ry'],
    ['2', 'z'],
  ]);
  expect(lines).toEqual([2, 4]);
});

test('line endings may be mixed', async () => {
  const { rows } = await read('a,b\r\n1,2\n3,4\r\n\r\n5,6');
  expect(rows).toEqual([
    ['1', '2'],
    ['3', '4'],
    ['5', '6'],
  ]);
});

test('duplicate and missing headers are named, and keep what the source called them', async () => {
  const { table } = await read('名称,名称,, 值 \ufeff\n甲,乙,1,2\n');
  expect(table.columns).toEqual([
    { name: '名称', source: '名称' },
    { name: '名称_2', source: '名称' },
    { name: 'column_3', source: '' },
    { name: '值', source: ' 值 \ufeff' },
  ]);
});

test('as many columns as a sheet can have may all be called alike', async () => {
  const all = (cell: string): string => Array(DEFAULT_LIMITS.columns).fill(cell).join(',');
  const { header, rows } = await read(`${all('名称')}\n${all('甲')}\n`);
  expect([header[0], header[1], header.at(-1)]).toEqual(['名称', '名称_2', `名称_${DEFAULT_LIMITS.columns}`]);
  expect(rows).toHaveLength(1);
});

test('a preamble, units and footnotes are not rows, and a warning says so', async () => {
  const { rows, header, table } = await read(
    '2017年统计表,,\n单位：万元,,\n\n年份,金额,人数\n,(万元),(人)\n2017,12.5,3\n2016,11,4\n合计,23.5,7\n注：以上为初步数据\n',
  );
  expect(header).toEqual(['年份', '金额 (万元)', '人数 (人)']);
  expect(rows).toEqual([
    ['2017', '12.5', '3'],
    ['2016', '11', '4'],
  ]);
  expect(table.warnings.map((w) => w.code)).toEqual(['table.preamble', 'table.footer']);
});

test('a quote that is never closed is text when the row then has its fields, otherwise the row is rejected', async () => {
  const good = await read('a,b,c\n1,2,3\n4,"x,5\n6,7,8\n');
  expect(good.rows).toEqual([
    ['1', '2', '3'],
    ['4', '"x', '5'],
    ['6', '7', '8'],
  ]);
  const bad = await read('a,b,c\n1,2,3\n4,"x\n6,7,8\n');
  expect(bad.rows).toEqual([
    ['1', '2', '3'],
    ['6', '7', '8'],
  ]);
  expect(bad.rejected.map((r) => [r.line, r.code])).toEqual([[3, 'row.quote']]);
});

test('bytes that are no UTF-8 reject their row and show as hexadecimal, never as U+FFFD', async () => {
  const good = '甲,1\n'.repeat(50);
  const { rows, rejected } = await read(
    Buffer.concat([Buffer.from(`a,b\n${good}`), Buffer.from([0xe7, 0x94, 0x2c, 0x32, 0x0a])]),
  );
  expect(rows).toHaveLength(50);
  expect(rejected).toMatchObject([{ line: 52, code: 'row.encoding', raw: '\\xe7\\x94,2' }]);
});

test('a file that is half UTF-8 and half GB 18030 fails and names line and offset of the first strange byte', async () => {
  const utf8 = Buffer.from(`a,b\n${'甲,1\n'.repeat(50)}`);
  const gb = Buffer.from([0xbc, 0xd7, 0x2c, 0x31, 0x0a]);
  const error = await failure(read(Buffer.concat([utf8, ...Array.from({ length: 50 }, () => gb)])));
  expect(error).toMatchObject({
    code: 'encoding.invalid',
    actor: 'department',
    details: { line: 52, offset: utf8.length },
  });
});

test('the first Chinese character may come after a megabyte of ASCII', async () => {
  const ascii = `a,b\n${'x,1\n'.repeat(300_000)}`;
  const gb = Buffer.from([0xbc, 0xd7, 0x0a, 0xbc, 0xd7, 0xd2, 0xd2, 0x2c, 0x32, 0x0a]);
  const { rows, rejected, table } = await read(Buffer.concat([Buffer.from(ascii), gb]));
  expect(rows.at(-1)).toEqual(['甲乙', '2']);
  expect(table.encoding).toBe('gb18030');
  expect(rejected).toMatchObject([{ raw: '甲' }]);
  expect(rejected[0]).not.toHaveProperty('offset');
});

test('a page instead of data is refused', async () => {
  for (const page of [
    '<!DOCTYPE html><html><body>login</body></html>',
    '\ufeff\n <html lang="zh"><table>',
    '<!-- x -->\n<HTML>',
  ]) {
    expect(await failure(read(page))).toMatchObject({ code: 'source.html', actor: 'department' });
  }
});

test('an empty file is refused, whether it has no bytes, blanks or only a byte order mark', async () => {
  for (const content of ['', '\n\n', '\ufeff', ' \r\n']) {
    expect(await failure(read(content))).toMatchObject({ code: 'source.empty', actor: 'department' });
  }
});

test('a missing file is the department’s to restore', async () => {
  expect(await failure(readAll(join(folder.path, 'none.csv')))).toMatchObject({
    code: 'source.missing',
    actor: 'department',
  });
});

test('a header without rows is a table without rows', async () => {
  const { header, rows } = await read('名称,值\n');
  expect([header, rows]).toEqual([['名称', '值'], []]);
});

test('the header again in the middle of the data is no row', async () => {
  const { rows, rejected } = await read('a,b,c\n1,2,3\na,b,c\n4,5,6\n');
  expect(rows).toEqual([
    ['1', '2', '3'],
    ['4', '5', '6'],
  ]);
  expect(rejected.map((r) => [r.line, r.code])).toEqual([[3, 'row.header-repeated']]);
});

test('a quoted field that is as it should be is never taken apart to make a ragged row fit', async () => {
  const { rows, rejected } = await read('a,b,c\n1,2,3\n4,"x,y"\n5,6,7\n');
  expect(rows).toEqual([
    ['1', '2', '3'],
    ['5', '6', '7'],
  ]);
  expect(rejected.map((r) => r.line)).toEqual([3]);
});

test('raw text of a rejected row is cut to 2,000 characters', async () => {
  const { rejected } = await read(`a,b,c\n1,2,3\n${'甲'.repeat(5000)}\n4,5,6\n`);
  expect(rejected[0]?.raw).toBe('甲'.repeat(2000));
});

test('a wide file ends with limit.columns', async () => {
  const names = Array.from({ length: 100_000 }, (_, i) => `c${i}`).join(',');
  expect(await failure(read(`${names}\n${names}\n`))).toMatchObject({
    code: 'limit.columns',
    actor: 'department',
    details: { line: 1 },
  });
});

const MEGABYTE = 1024 * 1024;

test('an endless field, quoted or not, ends with limit.field-bytes within seconds and bounded memory', async () => {
  const before = process.memoryUsage().rss;
  const x = Buffer.alloc(MEGABYTE, 'x');
  const plain = writeLarge('plain.csv', 'a,b\n1,2\n3,', x, 200, '\n');
  expect(await failure(readAll(plain))).toMatchObject({ code: 'limit.field-bytes', details: { line: 3 } });
  const quoted = writeLarge('quoted.csv', 'a,b\n1,2\n3,"', Buffer.from('4,5\n'.repeat(MEGABYTE / 4)), 200);
  expect(await failure(readAll(quoted))).toMatchObject({ code: 'limit.field-bytes', details: { line: 3 } });
  const first = writeLarge('first.csv', '', x, 20);
  expect(await failure(readAll(first))).toMatchObject({ code: 'limit.field-bytes', details: { line: 1 } });
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * MEGABYTE);
}, 30_000);

test('a file in which quotes open everywhere and close nowhere is read or refused soon, not followed for hours', async () => {
  const line = '1,"x""y\n';
  const path = writeLarge('open.csv', 'a,b\n1,2\n', Buffer.from(line.repeat(MEGABYTE / line.length)), 3);
  const before = process.cpuUsage();
  const { rows } = await readAll(path, { quote: '"', delimiter: ',' });
  expect(rows.at(-1)).toEqual(['1', '"x""y']);
  // Computed, whatever else the machine did meanwhile.
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(10_000_000);
}, 30_000);

test('limits can be lowered by configuration', async () => {
  expect(await failure(read('a,b\n1,aaaaaaaaaaaa\n', { limits: { fieldBytes: 10 } }))).toMatchObject({
    code: 'limit.field-bytes',
  });
  expect(await failure(read('a,b\n1,aaaaaaaaaaaa\n', { limits: { bytes: 10 } }))).toMatchObject({
    code: 'limit.bytes',
  });
  expect(await failure(read('a,b\n1,2\n', { limits: { columns: 1 } }))).toMatchObject({ code: 'limit.columns' });
});

test('a first row with one value in a file without a header is a row, a title over a table is not', async () => {
  const sparse = await read('1,,,\n2,2017-01-01,5,甲\n3,2017-01-02,6,乙\n4,2017-01-03,7,丙\n');
  expect(sparse.rows).toHaveLength(4);
  const titled = await read('学校名录,,,\n编号,日期,人数,名称\n2,2017-01-01,5,甲\n3,2017-01-02,6,乙\n');
  expect([titled.header, titled.rows.length]).toEqual([['编号', '日期', '人数', '名称'], 2]);
});

test('a row that is longer than its limit allows is an error even when its cells are not', async () => {
  const wide = Array.from({ length: 20 }, () => 'xxxxxxxx').join(',');
  const names = Array.from({ length: 20 }, (_, i) => `n${i}`).join(',');
  expect(await failure(read(`${names}\n${wide}\n`, { limits: { rowBytes: 100 } }))).toMatchObject({
    code: 'limit.row-bytes',
  });
});

test('reading stops when its signal is aborted', async () => {
  const path = folder.write('abort.csv', `a,b\n${'1,2\n'.repeat(100_000)}`);
  const { openTables } = await import('../src/index.js');
  const [table] = await openTables({ path, name: 'abort.csv' });
  const controller = new AbortController();
  controller.abort();
  const drain = async () => {
    for await (const _ of table?.batches(controller.signal) ?? []) throw new Error('unexpected batch');
  };
  expect(await failure(drain())).toMatchObject({ code: 'read.aborted' });
});

test('an unknown encoding label is refused', async () => {
  expect(await failure(read('a,b\n', { encoding: 'klingon' }))).toMatchObject({ code: 'encoding.unknown' });
});

test('old workbooks and documents are named, not read as text', async () => {
  for (const content of [Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0]), '%PDF-1.7']) {
    expect(await failure(read(content))).toMatchObject({ code: 'format.unsupported' });
  }
});

test('one record that ends with a carriage return alone is still a record', async () => {
  const { rows, rejected } = await read('a,b,c\n1,2,3\r4,5,6\n7,8,9\n');
  expect(rows).toEqual([
    ['1', '2', '3'],
    ['4', '5', '6'],
    ['7', '8', '9'],
  ]);
  expect(rejected).toEqual([]);
});

test('a single column of values or prose is not divided by what stands inside them', async () => {
  for (const rows of [
    ['2017/01/05', '2018/03/01', '2019/11/30'],
    ['John Smith', 'Mary Li', 'Wei Zhang'],
    ['南岗区, 12号', '道里区', '松北区', '香坊区'],
  ]) {
    const found = await read(`name\n${rows.join('\n')}\n`);
    expect(found.rows).toEqual(rows.map((row) => [row]));
  }
});

test('accented letters in single bytes are windows-1252', async () => {
  const { rows, table } = await read(Buffer.from('name,price\nCafé,£74.69\nÜber,£3\n', 'latin1'));
  expect(table.encoding).toBe('windows-1252');
  expect(rows).toEqual([
    ['Café', '£74.69'],
    ['Über', '£3'],
  ]);
});

test('quotation marks and euro signs of windows-1252 are read in header and rows alike, and move no row', async () => {
  const bytes = Buffer.from('name \x80,r\xe9sum\xe9\n\x93a\x94,1\n\x91b\x92,2\ncaf\xe9,3\n', 'latin1');
  const { header, rows, rejected } = await read(bytes);
  expect([header, rejected]).toEqual([['name €', 'résumé'], []]);
  expect(rows).toEqual([
    ['“a”', '1'],
    ['‘b’', '2'],
    ['café', '3'],
  ]);
});
