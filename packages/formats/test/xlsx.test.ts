import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { zip } from './archives.js';
import { createFolder, failure, memoryOf, readEvery } from './support.js';
import { rawRow, rawWorkbook } from './workbooks.js';

const folder = createFolder();
afterAll(() => folder.remove());

const read = (content: Buffer, options = {}) => readEvery(folder.write('input.xlsx', content), options);
const number = (reference: string, value: string | number, style = 0): string =>
  `<c r="${reference}" s="${style}"><v>${value}</v></c>`;

test('title, unit, header in two rows, total and notes are told from rows, as in text', async () => {
  const [table] = await read(
    await rawWorkbook({
      sheets: [
        {
          name: '供热',
          rows: [
            rawRow(1, ['哈尔滨市供热统计表']),
            rawRow(2, ['单位：万元']),
            rawRow(4, ['编号', '名称', '金额', '']),
            rawRow(5, ['', '', '供热', '供水']),
            ...[6, 7, 8].map((r) => rawRow(r, [`00${r}`, `小区${r}`, number(`C${r}`, r), number(`D${r}`, 1.5)])),
            rawRow(10, ['合计', '', number('C10', 21), number('D10', 4.5)]),
            rawRow(11, ['注：数据来源于供热办']),
          ].join(''),
        },
      ],
    }),
  );
  expect(table?.header).toEqual(['编号', '名称', '金额 供热', '金额 供水']);
  expect(table?.rows).toEqual([6, 7, 8].map((r) => [`00${r}`, `小区${r}`, String(r), '1.5']));
  expect(table?.lines).toEqual([6, 7, 8]);
  expect(table?.table.warnings.map((w) => w.code)).toEqual(['table.preamble', 'table.footer']);
  expect(table?.table.dialect).toMatchObject({ headerRows: 2, preambleRows: 3 });
});

test('dates are days of their epoch, times are times, and codes keep their zeros', async () => {
  const styles = [
    'yyyy/m/d',
    'yyyy"年"m"月"d"日"',
    'yyyy-mm-dd hh:mm:ss',
    'h:mm',
    '[h]:mm',
    '000000',
    '0.00%',
    '[$-804]aaaa',
    '"d"0.0',
    'mm:ss.0',
  ];
  const values: [number | string, number, string, string][] = [
    [1, 1, '1900-01-01', '1904-01-02'],
    [59, 1, '1900-02-28', '1904-02-29'],
    [60, 1, '60', '1904-03-01'],
    [61, 2, '1900-03-01', '1904-03-02'],
    [45351, 1, '2024-02-29', '2028-03-01'],
    [45351.5455439815, 3, '2024-02-29 13:05:35', '2028-03-01 13:05:35'],
    [0.75, 4, '18:00:00', '18:00:00'],
    [1.5, 5, '36:00:00', '36:00:00'],
    [1234, 6, '001234', '001234'],
    [0.256, 7, '0.256', '0.256'],
    [3.5, 9, '3.5', '3.5'],
    ['0.30000000000000004', 0, '0.3', '0.3'],
    ['1.1E2', 0, '110', '110'],
    ['2.30102199001011E+17', 0, '230102199001011000', '230102199001011000'],
    [-1, 1, '-1', '-1'],
  ];
  for (const date1904 of [false, true]) {
    const rows = values.map(([value, style], i) => rawRow(i + 2, [`k${i}`, number(`B${i + 2}`, value, style)]));
    const [table] = await read(
      await rawWorkbook({
        styles,
        date1904,
        sheets: [{ name: 's', rows: rawRow(1, ['name', 'value']) + rows.join('') }],
      }),
      { headerRows: 1, preambleRows: 0 },
    );
    expect(table?.rows.map((row) => row[1])).toEqual(values.map((v) => v[date1904 ? 3 : 2]));
    expect(table?.table.warnings.map((w) => w.code)).toEqual(['cells.precision']);
  }
});

test('shared and rich texts, formulas, booleans, errors and numbers as text are what the sheet shows', async () => {
  const strings =
    '<si><t>00123</t></si><si><r><t>甲</t></r><r><t xml:space="preserve"> 乙</t></r><rPh sb="0" eb="1"><t>jia</t></rPh></si><si><t>a_x000D_\nb</t></si>';
  const [table] = await read(
    await rawWorkbook({
      sharedStrings: strings,
      sheets: [
        {
          name: 's',
          rows:
            rawRow(1, ['code', 'text', 'sum', 'flag']) +
            '<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="s"><v>1</v></c><c r="C2"><f>1+2</f><v>3</v></c><c r="D2" t="b"><v>1</v></c></row>' +
            '<row r="3"><c r="A3" t="s"><v>2</v></c><c r="C3" t="str"><f>A1&amp;"x"</f><v>codex</v></c><c r="D3" t="e"><v>#N/A</v></c></row>' +
            '<row r="4"><c r="A4" t="s"><v>0</v></c><c r="C4"><f>B1</f></c></row>' +
            '<row><c t="s"><v>0</v></c><c><v>5</v></c></row>',
        },
      ],
    }),
  );
  expect(table?.rows).toEqual([
    ['00123', '甲 乙', '3', 'TRUE'],
    ['a\r\nb', '', 'codex', '#N/A'],
    ['00123', '5', '', ''],
  ]);
  expect(table?.rejected.map((r) => [r.line, r.code, r.field])).toEqual([[4, 'row.formula', 'C4']]);
});

test('visible sheets with text are tables; hidden ones are told, empty ones are none', async () => {
  const rows = rawRow(1, ['a', 'b']) + rawRow(2, ['x', '1']);
  const tables = await read(
    await rawWorkbook({
      sheets: [
        { name: '一月', rows },
        { name: '密', rows, state: 'hidden' },
        { name: '空', rows: '<row r="1"><c r="A1" s="0"/></row>' },
        { name: '二月', rows },
      ],
    }),
  );
  expect(tables.map((t) => [t.table.name, t.rows])).toEqual([
    ['input.一月', [['x', '1']]],
    ['input.二月', [['x', '1']]],
  ]);
  expect(tables[0]?.table.warnings).toEqual([
    expect.objectContaining({ code: 'sheet.hidden', message: expect.stringContaining('密') }),
  ]);
  const hidden = await rawWorkbook({ sheets: [{ name: 'h', rows, state: 'veryHidden' }] });
  expect(await failure(read(hidden))).toMatchObject({ code: 'source.empty' });
});

test('a table that begins at C3, and cells beyond its columns, are read or rejected, never shifted', async () => {
  const row = (r: number, cells: string[]) =>
    `<row r="${r}">${cells.map((c, k) => (c === '' ? '' : `<c r="${'CDEF'[k]}${r}" t="inlineStr"><is><t>${c}</t></is></c>`)).join('')}</row>`;
  const many = Array.from({ length: 400 }, (_, i) => row(i + 4, [`n${i}`, '2020-01-01', String(i)])).join('');
  const [table] = await read(
    await rawWorkbook({
      sheets: [{ name: 's', rows: row(3, ['name', 'day', 'n']) + many + row(404, ['x', '2020-01-02', '1', 'stray']) }],
    }),
  );
  expect([table?.header, table?.rows.length, table?.lines[0]]).toEqual([['name', 'day', 'n'], 400, 4]);
  expect(table?.rejected.map((r) => [r.line, r.code])).toEqual([[404, 'row.fields']]);
});

test('a workbook in an archive is read like one that is not', async () => {
  const rows = rawRow(1, ['a', 'b']) + rawRow(2, ['x', '1']);
  const book = await rawWorkbook({
    sheets: [
      { name: '一', rows },
      { name: '二', rows },
    ],
  });
  const tables = await read(await zip({ 'x.xlsx': book, 'y.csv': 'a,b\n1,2\n' }));
  expect(tables.map((t) => [t.table.name, t.table.format, t.rows.length])).toEqual([
    ['input.x.xlsx.一', 'xlsx', 1],
    ['input.x.xlsx.二', 'xlsx', 1],
    ['input.y.csv', 'delimited', 1],
  ]);
});

test('other office documents and damaged workbooks are named', async () => {
  const types = { '[Content_Types].xml': '<Types/>' };
  const cases: [Record<string, string>, string][] = [
    [{ ...types, 'word/document.xml': '<a/>' }, 'format.unsupported'],
    [{ ...types, 'xl/workbook.bin': '' }, 'format.unsupported'],
    [{ mimetype: 'application/vnd.oasis.opendocument.spreadsheet', 'content.xml': '<a/>' }, 'format.unsupported'],
    [
      { ...types, 'xl/workbook.xml': '<workbook><sheets><sheet name="s" id="r1"/></sheets></workbook>' },
      'workbook.invalid',
    ],
    [{ ...types, 'xl/workbook.xml': '<workbook>' }, 'xml.invalid'],
    [{ ...types, 'xl/workbook.xml': '<!DOCTYPE a [<!ENTITY b "c">]><workbook/>' }, 'xml.doctype'],
  ];
  for (const [parts, code] of cases) expect(await failure(read(await zip(parts)))).toMatchObject({ code });
  const missing = '<row r="1"><c r="A1" t="s"><v>7</v></c></row>';
  const bad = await rawWorkbook({ sharedStrings: '', sheets: [{ name: 's', rows: missing }] });
  expect(await failure(read(bad))).toMatchObject({ code: 'workbook.invalid' });
});

test('millions of empty rows, endless texts and columns far out end quickly in bounded memory', async () => {
  const blank = '<row r="5" spans="1:3" s="1" customFormat="1"><c r="A5" s="1"/><c r="B5" s="1"/></row>'.repeat(
    300_000,
  );
  const few = rawRow(1, ['a', 'b']) + rawRow(2, ['x', '1']);
  const empty = await rawWorkbook({ sheets: [{ name: 's', rows: few + blank }] });
  const far = await rawWorkbook({
    sheets: [{ name: 's', rows: `${few}<row r="1000000000"><c r="ZZZZZ3"><v>1</v></c></row>` }],
  });
  const texts = await rawWorkbook({
    sharedStrings: '<si><t>x</t></si>'.repeat(100_000),
    sheets: [{ name: 's', rows: few }],
  });
  const megabytes = await memoryOf(async () => {
    const [table] = await read(empty);
    expect(table?.rows).toEqual([['x', '1']]);
    expect(await failure(read(far))).toMatchObject({ code: 'workbook.invalid' });
    expect(await failure(read(texts, { limits: { sharedBytes: 1000 } }))).toMatchObject({ code: 'limit.shared-bytes' });
    expect(await failure(read(empty, { limits: { bytes: 1_000_000 } }))).toMatchObject({ code: 'limit.bytes' });
  });
  expect(megabytes).toBeLessThan(200);
}, 30_000);

test('any table that a program writes as XLSX is read back cell by cell', async () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom(...'<>&"\' 甲😀\n,'),
      fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 10,
  });
  const row = fc.tuple(
    text.map((s) => `k${s}`),
    fc.integer({ min: -1e9, max: 1e9 }),
    fc.integer({ min: -1e6, max: 1e6 }).map((n) => n / 100),
    fc.boolean(),
    fc
      .date({ min: new Date('1901-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
      .map((d) => new Date(Math.floor(d.getTime() / 1000) * 1000)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), async (rows) => {
      fc.pre(!rows.some((r) => r[0].includes('_x')));
      const header = ['name', 'whole', 'part', 'flag', 'time'].map((value) => ({ value }));
      const cells = rows.map(([a, b, c, d, e]) => [
        { value: a },
        { value: b },
        { value: c },
        { value: d },
        { value: e, format: 'yyyy-mm-dd hh:mm:ss' },
      ]);
      const { default: writeXlsxFile } = await import('write-excel-file/node');
      const sheet: unknown = [header, ...cells];
      const written = (await writeXlsxFile(sheet as never, { buffer: true } as never)) as unknown as Buffer;
      const [table] = await read(written, { headerRows: 1, preambleRows: 0 });
      expect(table?.rows).toEqual(
        rows.map(([a, b, c, d, e]) => [
          a,
          String(b),
          String(c),
          d ? 'TRUE' : 'FALSE',
          e.toISOString().slice(0, 19).replace('T', ' '),
        ]),
      );
    }),
    { numRuns: 60 },
  );
}, 30_000);

test('no damage to a sheet or its archive makes reading hang or fail in an unnamed way', async () => {
  const base = rawRow(1, ['a', 'b']) + rawRow(2, ['x', number('B2', 5, 1)]) + rawRow(3, ['y', '']);
  const edit = fc.tuple(fc.nat(base.length), fc.nat(4), fc.constantFrom(...'<>&"=/rst1Z\0 '));
  const outcome = (content: Buffer) =>
    read(content).then(
      () => 'read',
      (error: { code?: string }) => error.code,
    );
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(255), async (edits, at, byte) => {
      let rows = base;
      for (const [from, cut, piece] of edits) rows = rows.slice(0, from) + piece + rows.slice(from + cut);
      expect(await outcome(await rawWorkbook({ styles: ['yyyy'], sheets: [{ name: 's', rows }] }))).toMatch(
        /^(read|[a-z]+\.[a-z-]+)$/,
      );
      const bytes = await rawWorkbook({ sheets: [{ name: 's', rows: base }] });
      bytes[at % bytes.length] = byte;
      expect(await outcome(bytes)).toMatch(/^(read|[a-z]+\.[a-z-]+)$/);
    }),
    { numRuns: 200 },
  );
}, 30_000);

test('what other programs write is read: strict documents, no references, other capitals and slashes, a dimension that lies', async () => {
  const sheet =
    '<worksheet><dimension ref="A1:A1"/><sheetData><row><c t="inlineStr"><is><t>name</t></is></c><c t="inlineStr"><is><t>day</t></is></c></row>' +
    '<row><c t="inlineStr"><is><r><t>甲</t></r><r><t>乙</t></r><rPh sb="0" eb="1"><t>jia</t></rPh></is></c><c t="d"><v>2024-03-01</v></c></row>' +
    '<row r="900000"><c r="A900000" t="e"><v>#REF!</v></c><c r="B900000" t="d"><v>2024-03-02</v></c></row></sheetData></worksheet>';
  const link = (target: string): string =>
    `<Relationships><Relationship Id="r1" Type="http://purl.oclc.org/ooxml/officeDocument/relationships/worksheet" Target="${target}"/></Relationships>`;
  for (const target of ['sheets/s.xml', '/xl/sheets/s.xml', 'Sheets\\S.xml', '../xl/sheets/s.xml']) {
    const [table] = await read(
      await zip({
        '[Content_Types].xml': '<Types/>',
        'xl/workbook.xml': '<workbook xmlns:r="q"><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
        'xl/_rels/workbook.xml.rels': link(target),
        'xl/sheets/s.xml': sheet,
      }),
    );
    expect([table?.header, table?.rows, table?.lines]).toEqual([
      ['name', 'day'],
      [
        ['甲乙', '2024-03-01'],
        ['#REF!', '2024-03-02'],
      ],
      [2, 900_000],
    ]);
  }
});

test('a cell outside the table is named as the sheet names it, in both languages', async () => {
  const rows = Array.from({ length: 400 }, (_, i) => rawRow(i + 1, i === 0 ? ['name', 'n'] : [`x${i}`, '1'])).join('');
  const [table] = await read(await rawWorkbook({ sheets: [{ name: 's', rows: rows + rawRow(401, ['y', '2', '3']) }] }));
  expect(table?.rejected).toEqual([
    expect.objectContaining({
      line: 401,
      field: 'C401',
      message: expect.stringMatching(/单元格 C401 .* \/ cell C401/),
    }),
  ]);
});
