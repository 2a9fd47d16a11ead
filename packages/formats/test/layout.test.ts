import { afterAll, expect, test } from '@jest/globals';
import { createFolder, readAll } from './support.js';

const folder = createFolder();
afterAll(() => folder.remove());

const read = (content: string) => readAll(folder.write('input.csv', content));

test('names of groups, names and units above a table of three rows are one header, each column under its own group', async () => {
  const { header, rows } = await read(
    '学校,人数,,占地面积\n,男,女,\n,人,人,平方米\n一中,100,200,1234.5\n二中,110,210,2234.5\n三中,120,220,3234.5\n',
  );
  expect(header).toEqual(['学校', '人数 男 人', '人数 女 人', '占地面积 平方米']);
  expect(rows).toHaveLength(3);
});

test('a table of texts only has no further header rows for want of values', async () => {
  const { header, rows } = await read('姓名,区,职务\n甲,道里,主任\n乙,道外,科员\n丙,南岗,科员\n');
  expect(header).toEqual(['姓名', '区', '职务']);
  expect(rows).toHaveLength(3);
});

test('a broken first row is rejected, not taken for more of the header', async () => {
  const lines = Array.from({ length: 30 }, (_, i) => `${i},甲,,2025-03-01,备注`);
  const { header, rows, rejected } = await read(['号,名,标,日,注', '0甲,,2025-03-01,备注', ...lines].join('\n'));
  expect(header).toEqual(['号', '名', '标', '日', '注']);
  expect(rows).toHaveLength(30);
  expect(rejected.map(({ line, code }) => ({ line, code }))).toEqual([{ line: 2, code: 'row.fields' }]);
});

test('totals and notes whose cells are quoted are no rows either', async () => {
  const { rows, rejected, table } = await read(
    '区,户数,人口\n道里,100,"1,234"\n道外,110,"2,234"\n南岗,120,"3,234"\n合计,330,"6,702"\n"注：数据截至2024年底, 不含民办",,\n',
  );
  expect(rows.map(([name]) => name)).toEqual(['道里', '道外', '南岗']);
  expect(rejected).toEqual([]);
  expect(table.warnings.map(({ code }) => code)).toEqual(['table.footer']);
});

test('lines inside a quoted cell at the end are never taken for totals or notes', async () => {
  const text = '说明\n合计,1,2\n注：见 ""附件""';
  const { rows, table } = await read(`a,b,c\n1,2,x\n3,4,y\n5,6,"${text}"\n`);
  expect(rows.at(-1)).toEqual(['5', '6', text.replaceAll('""', '"')]);
  expect(table.warnings).toEqual([]);
});

test.each(['$$', '%%', '++', '~|', '|~', '^|', '::', '||', ', '])('%s divides fields', async (delimiter) => {
  const lines = Array.from({ length: 12 }, (_, i) => [
    `第${i}中学`,
    `${500 + i}.5`,
    `2025-03-0${(i % 9) + 1}`,
    `A${i}`,
  ]);
  const cells = [['学校', '录取线', '日期', '代码'], ...lines];
  const { header, rows } = await read(
    cells
      .map((row) => row.join(delimiter))
      .join('\n')
      .concat('\n'),
  );
  expect([header, ...rows]).toEqual(cells);
});
