import { afterAll, expect, test } from '@jest/globals';
import { createFolder, readAll } from './support.js';

const folder = createFolder();
afterAll(() => folder.remove());

/** 学校 in GB 18030: bytes that are valid UTF-8, too. */
const SCHOOL = Buffer.from('d1a7d0a3', 'hex');
const table = (cell: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from('id,name\n1,'), Buffer.from(cell), Buffer.from('\n2,x\n')]);

test('a few characters of GB 18030 that happen to be valid UTF-8 are read as what people write', async () => {
  const { rows, table: reader } = await readAll(folder.write('short.csv', table(SCHOOL)));
  expect([rows[0], reader.encoding]).toEqual([['1', '学校'], 'gb18030']);
});

test.each(['café', 'μg/m³', 'Привет, Харбин', 'Ελλάδα', 'שלום', 'مرحبا', 'ئۇيغۇرچە', '±5 °C', 'ǚ 女'])(
  '%s stays UTF-8',
  async (text) => {
    const { rows, table: reader } = await readAll(folder.write('short.csv', table(`"${text}"`)));
    expect([rows[0], reader.encoding]).toEqual([['1', text], 'utf-8']);
  },
);
