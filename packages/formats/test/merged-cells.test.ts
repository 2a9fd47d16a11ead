import { afterAll, expect, test } from '@jest/globals';
import { createFolder, failure, memoryOf, type ReadResult, readEvery } from './support.js';
import { rawRow, rawWorkbook } from './workbooks.js';

const folder = createFolder();
afterAll(() => folder.remove());

const n = (reference: string, value: number): string => `<c r="${reference}"><v>${value}</v></c>`;

async function sheet(rows: string[][], merges: string[], options = {}): Promise<ReadResult> {
  const text = rows.map((cells, i) => rawRow(i + 1, cells)).join('');
  const book = await rawWorkbook({ sheets: [{ name: 's', rows: text, merges }] });
  const [table] = await readEvery(folder.write('input.xlsx', book), options);
  return table as ReadResult;
}

const codes = ({ table }: ReadResult): string[] => table.warnings.map((w) => w.code);

test('a value merged over several rows is the value of each of them, and the warning counts what was given', async () => {
  const found = await sheet(
    [
      ['区县', '街道', '人口'],
      ['道里区', '兆麟', n('C2', 1)],
      ['', '通江', n('C3', 2)],
      ['', '抚顺', n('C4', 3)],
      ['南岗区', '花园', n('C5', 4)],
      ['', '荣市', ''],
    ],
    ['A2:A4', 'A5:A6', 'C5:C6'],
  );
  expect(found.rows).toEqual([
    ['道里区', '兆麟', '1'],
    ['道里区', '通江', '2'],
    ['道里区', '抚顺', '3'],
    ['南岗区', '花园', '4'],
    ['南岗区', '荣市', '4'],
  ]);
  expect(found.table.warnings).toEqual([
    { code: 'sheet.merged', message: expect.stringMatching(/向下补全 4 个单元格.* \/ .*4 cell\(s\)/) },
  ]);
});

test('a value merged over several columns stays in the first, and what lies hidden under a merged cell is not read', async () => {
  const found = await sheet(
    [
      ['name', 'a', 'b', 'c'],
      ['x', n('B2', 1), n('C2', 2), 'y'],
      ['z', n('B3', 5), n('C3', 99), 'w'],
      ['q', '暂无', '', 'v'],
      ['r', '', n('C5', 7), 'u'],
    ],
    ['B3:C3', 'B4:C5', 'D2:D3'],
  );
  expect(found.rows).toEqual([
    ['x', '1', '2', 'y'],
    ['z', '5', '', 'y'],
    ['q', '暂无', '', 'v'],
    ['r', '暂无', '', 'u'],
  ]);
  expect(found.table.warnings[0]?.message).toMatch(/2 cell\(s\).*2 range\(s\).*3 value\(s\) hidden/);
});

test('a row of two lines whose cells are all merged is one row, and its hidden texts make no other', async () => {
  const found = await sheet(
    [
      ['name', 'value', 'note'],
      ['x', n('B2', 1), 'p'],
      ['hidden', '', ''],
      ['y', n('B4', 2), 'q'],
    ],
    ['A2:A3', 'B2:B3', 'C2:C3'],
  );
  expect([found.rows, found.lines]).toEqual([
    [
      ['x', '1', 'p'],
      ['y', '2', 'q'],
    ],
    [2, 4],
  ]);
});

test('a merged title is no header, be the table of two columns or of ten, and says nothing about the rows', async () => {
  const two = await sheet(
    [
      ['2024年供热面积统计表', ''],
      ['区县', '面积'],
      ['道里区', n('B3', 1)],
      ['南岗区', n('B4', 2)],
    ],
    ['A1:B1'],
  );
  expect([two.header, two.rows.length, codes(two)]).toEqual([['区县', '面积'], 2, ['table.preamble']]);
  const captions = await sheet(
    [
      ['企业名录', '', '', ''],
      ['填报单位：市统计局', '', '日期：2024年', ''],
      ['名称', '类型', '地址', '电话'],
      ['甲', '国企', '道里', '无'],
      ['乙', '民企', '南岗', '无'],
    ],
    ['A1:D1', 'A2:B2', 'C2:D2'],
  );
  expect([captions.header, captions.rows.length, codes(captions)]).toEqual([
    ['名称', '类型', '地址', '电话'],
    2,
    ['table.preamble'],
  ]);
});

test('merged group titles name exactly the columns they cover, and merged names tell how deep a header of texts is', async () => {
  const found = await sheet(
    [
      ['表一 学生登记', '', '', '', '', ''],
      ['编号', '父亲', '', '母亲', '', '备注'],
      ['', '姓名', '单位', '姓名', '单位', ''],
      ['甲一', '张三', '市局', '李四', '医院', '转学'],
      ['甲二', '王五', '区局', '赵六', '学校', '走读'],
    ],
    ['A1:F1', 'A2:A3', 'B2:C2', 'D2:E2', 'F2:F3'],
  );
  expect(found.header).toEqual(['编号', '父亲 姓名', '父亲 单位', '母亲 姓名', '母亲 单位', '备注']);
  expect([found.rows.length, found.lines[0], codes(found)]).toEqual([2, 4, ['table.preamble']]);
  expect(found.table.dialect).toMatchObject({ preambleRows: 1, headerRows: 2 });
  const eight = await sheet(
    [
      ['年份', '产量', '', '', '', '', '', ''],
      ['', '煤', '油', '气', '电', '铁', '铝', '铜'],
      ...[2020, 2021].map((year, i) => [n(`A${i + 3}`, year), ...[...'BCDEFGH'].map((c) => n(`${c}${i + 3}`, 7))]),
    ],
    ['A1:A2', 'B1:H1'],
  );
  expect(eight.header).toEqual(['年份', ...[...'煤油气电铁铝铜'].map((c) => `产量 ${c}`)]);
  expect(eight.rows.length).toBe(2);
});

test('a column without a group takes none from its neighbour when the groups are merged', async () => {
  const found = await sheet(
    [
      ['编号', '收入', '', '', '备注'],
      ['', '现金', '转账', '电话', ''],
      [n('A3', 1), n('B3', 2), n('C3', 3), n('D3', 4), '无'],
      [n('A4', 1), n('B4', 2), n('C4', 3), n('D4', 4), '无'],
    ],
    ['A1:A2', 'B1:C1', 'E1:E2'],
  );
  expect(found.header).toEqual(['编号', '收入 现金', '收入 转账', '电话', '备注']);
});

test('totals and notes in merged cells at the end are no rows, and no warning is given for them', async () => {
  const found = await sheet(
    [
      ['区县', '街道', '人口', '户数'],
      ['道里区', '兆麟', n('C2', 1), n('D2', 1)],
      ['道里区', '通江', n('C3', 2), n('D3', 1)],
      ['合计', '', n('C4', 3), n('D4', 2)],
      ['注：数据来源于公安局', '', '', ''],
    ],
    ['A4:B4', 'A5:D5'],
  );
  expect([found.rows.length, codes(found)]).toEqual([2, ['table.footer']]);
});

test('a merged formula without its value rejects every row that shows it', async () => {
  const found = await sheet(
    [
      ['a', 'b', 'c'],
      ['x', '<c r="B2"><f>1+1</f></c>', n('C2', 1)],
      ['y', '', n('C3', 2)],
      ['z', n('B4', 4), n('C4', 3)],
    ],
    ['B2:B3'],
  );
  expect(found.rows).toEqual([['z', '4', '3']]);
  expect(found.rejected.map((r) => [r.line, r.code, r.field])).toEqual([
    [2, 'row.formula', 'B2'],
    [3, 'row.formula', 'B2'],
  ]);
});

test('ranges that overlap, lie far out or are none change nothing else, and endless ones end at their limit', async () => {
  const rows = [
    ['a', 'b', 'c'],
    ['x', n('B2', 1), 'p'],
    ['y', '', 'q'],
    ['w', '', 'r'],
  ];
  const odd = ['B2:B3', 'A3:B4', 'B3:B4', 'A1:XFD1048576', 'ZZ9:ZZ10', 'B', 'B4:B2', 'A0:A9', '', 'A3:A3'];
  expect((await sheet(rows, odd)).rows).toEqual([
    ['x', '1', 'p'],
    ['y', '1', 'q'],
    ['w', '', 'r'],
  ]);
  const many = Array.from({ length: 200_000 }, (_, i) => `A${i + 2}:XFD${i + 9}`);
  const megabytes = await memoryOf(async () => {
    const limits = { mergedRanges: 100_000 };
    expect(await failure(sheet(rows, many, { limits }))).toMatchObject({ code: 'limit.merged-ranges' });
    expect((await sheet(rows, many)).rows).toEqual([['x', '', '']]);
  });
  expect(megabytes).toBeLessThan(150);
}, 30_000);

test('merged ranges are found wherever chunks of the sheet end, under any prefix', async () => {
  const { zip } = await import('./archives.js');
  for (const pad of [0, 65_400, 65_450, 65_480, 65_500, 65_520, 131_000, 196_500]) {
    const cells = `<x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>sheetData&gt; mergeCell ref="A1:A9"</x:t></x:is></x:c><x:c r="B1" t="str"><x:v>n</x:v></x:c></x:row><x:row r="2"><x:c r="A2" t="str"><x:v>k</x:v></x:c><x:c r="B2"><x:v>1</x:v></x:c></x:row><x:row r="3"><x:c r="B3"><x:v>2</x:v></x:c></x:row>`;
    const space = ' '.repeat(pad);
    const text = `<x:worksheet xmlns:x="urn:s"><x:sheetData>${cells}${space}</x:sheetData ><x:mergeCells count="1"><x:mergeCell  ref='A2:A3' /></x:mergeCells></x:worksheet>`;
    const book = await zip({
      '[Content_Types].xml': '<Types/>',
      'xl/workbook.xml': '<workbook><sheets><sheet name="s" id="r1"/></sheets></workbook>',
      'xl/_rels/workbook.xml.rels':
        '<Relationships><Relationship Id="r1" Type="a/worksheet" Target="s.xml"/></Relationships>',
      'xl/s.xml': text,
    });
    const [table] = await readEvery(folder.write('prefixed.xlsx', book), { headerRows: 1 });
    expect(table?.rows).toEqual([
      ['k', '1'],
      ['k', '2'],
    ]);
  }
});
