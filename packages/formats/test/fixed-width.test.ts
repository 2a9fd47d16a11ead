import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createFolder, failure, readAll } from './support.js';

const folder = createFolder();
afterAll(() => folder.remove());

const read = (content: string | Buffer, options = {}) => readAll(folder.write('input.txt', content), options);

test('columns of told widths are cut by characters or by bytes of the encoding', async () => {
  const widths = [6, 4, 5];
  const text = 'name  n   day  \nJürgen1   05-01\r\n甲     23  05-02\n';
  const { header, rows, table } = await read(text, { fixedWidth: { widths } });
  expect([header, table.format]).toEqual([['name', 'n', 'day'], 'fixed-width']);
  expect(rows).toEqual([
    ['Jürgen', '1', '05-01'],
    ['甲', '23', '05-02'],
  ]);
  const gbk = Buffer.concat([
    Buffer.from('name  n   day  \n'),
    Buffer.from('bcd7d2d2', 'hex'),
    Buffer.from('  23  05-02'),
  ]);
  const bytes = await read(gbk, { encoding: 'gbk', fixedWidth: { widths, unit: 'bytes' } });
  expect(bytes.rows).toEqual([['甲乙', '23', '05-02']]);
});

test('lines longer than all columns, and bytes that are not text, are rejected', async () => {
  const text = Buffer.concat([
    Buffer.from('a  b  \n1  2  \n3  4  more\n'),
    Buffer.from([0x35, 0xff, 0x20, 0x36, 0x0a]),
    Buffer.from('7  8'),
  ]);
  const { rows, rejected } = await read(text, { encoding: 'utf-8', headerRows: 1, fixedWidth: { widths: [3, 3] } });
  expect(rows).toEqual([
    ['1', '2'],
    ['7', '8'],
  ]);
  expect(rejected.map((r) => [r.line, r.code])).toEqual([
    [3, 'row.fields'],
    [4, 'row.encoding'],
  ]);
});

test('widths that make no columns, endless lines and blank files are refused', async () => {
  expect(await failure(read('a b\n', { fixedWidth: { widths: [0] } }))).toMatchObject({ code: 'dialect.invalid' });
  expect(await failure(read('   \n', { fixedWidth: { widths: [2, 2] } }))).toMatchObject({ code: 'source.empty' });
  const endless = Buffer.alloc(3_000_000, 'x');
  expect(await failure(read(endless, { fixedWidth: { widths: [2, 2] } }))).toMatchObject({ code: 'limit.row-bytes' });
});

test('any table that is padded to its widths is read back cell by cell', async () => {
  const cell = (width: number) =>
    fc.string({ unit: fc.constantFrom(...'ab1,"甲é-'), minLength: 1, maxLength: width }).map((s) => s.padEnd(width));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(cell(5), cell(3), cell(8)), { minLength: 1, maxLength: 30 }), async (rows) => {
      const written = rows.map((row) => `${row.join('')}\n`).join('');
      const { rows: found } = await read(written, {
        encoding: 'utf-8',
        headerRows: 0,
        preambleRows: 0,
        fixedWidth: { widths: [5, 3, 8] },
      });
      expect(found).toEqual(rows.map((row) => row.map((c) => c.trim())));
    }),
    { numRuns: 200 },
  );
});

test('rejected lines say at which byte of the source they begin, in every encoding and over chunks', async () => {
  const filler = Buffer.concat([Buffer.from('bcd7d2d2', 'hex'), Buffer.from('  05\n')]);
  const bad = Buffer.from('12  05  more\n');
  const bytes = Buffer.concat([...new Array<Buffer>(20_000).fill(filler), bad, filler, bad]);
  const options = { encoding: 'gbk', headerRows: 0, preambleRows: 0, fixedWidth: { widths: [6, 2], unit: 'bytes' } };
  const { rejected } = await read(bytes, options);
  expect(rejected.map((r) => [r.line, r.offset])).toEqual([
    [20_001, bytes.indexOf(bad)],
    [20_003, bytes.lastIndexOf(bad)],
  ]);
});
