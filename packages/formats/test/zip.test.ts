import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { rawZip, zip } from './archives.js';
import { createFolder, failure, memoryOf, readEvery } from './support.js';

const folder = createFolder();
afterAll(() => folder.remove());

const read = (content: Buffer, options = {}) => readEvery(folder.write('input.zip', content), options);
const GBK_NAME = Buffer.from([0xb9, 0xa9, 0xc8, 0xc8, 0x2f, 0xd2, 0xbb, 0xd4, 0xc2, 0x2e, 0x63, 0x73, 0x76]);
const MEGABYTE = 1024 * 1024;

test('an archive of one file is that file; of several, each is a table named after its entry', async () => {
  const [only, ...none] = await read(
    await zip({ 'a.csv': 'x,y\n1,甲\n', '__MACOSX/._a.csv': 'junk', '说明.txt': '读我' }),
  );
  expect([only?.table.name, only?.rows, none]).toEqual(['input', [['1', '甲']], []]);
  expect(only?.table.warnings.map((w) => w.code)).toEqual(['archive.skipped']);
  const several = await read(
    await zip({ 'd/a.csv': 'x,y\n1,2\n', 'b.json': '[{"k":1}]', 'c.csv.gz': gzipSync('m,n\n3,4\n') }),
  );
  expect(several.map((t) => [t.table.name, t.rows])).toEqual([
    ['input.d/a.csv', [['1', '2']]],
    ['input.b.json', [['1']]],
    ['input.c.csv', [['3', '4']]],
  ]);
});

test('names of entries may be GBK, as Windows writes them, or UTF-8', async () => {
  const tables = await read(
    rawZip([
      { name: GBK_NAME, data: 'a,b\n1,2\n' },
      { name: '供热/二月.csv', data: 'a,b\n3,4\n', flags: 0x800 },
    ]),
  );
  expect(tables.map((t) => t.table.name)).toEqual(['input.供热/一月.csv', 'input.供热/二月.csv']);
});

test('the footer of a file in an archive is found as in the file itself', async () => {
  const text = `a,b,c\n${'x,1,2\n'.repeat(50_000)}合计,50000,100000\n注：截至年底\n`;
  const [table] = await read(await zip({ 'a.csv': text }));
  expect(table?.rows.length).toBe(50_000);
});

test('entries that point outside, links, passwords and archives in archives are refused', async () => {
  const data = 'a,b\n1,2\n';
  const cases: [Buffer, string][] = [
    [rawZip([{ name: '../etc/a.csv', data }]), 'container.path'],
    [rawZip([{ name: '/etc/a.csv', data }]), 'container.path'],
    [rawZip([{ name: 'C:\\a.csv', data }]), 'container.path'],
    [rawZip([{ name: 'x\\..\\..\\a.csv', data }]), 'container.path'],
    [rawZip([{ name: 'a.csv', data: '/etc/passwd', attributes: (0o120777 << 16) >>> 0 }]), 'container.symlink'],
    [rawZip([{ name: 'a.csv', data, flags: 1 }]), 'container.encrypted'],
    [await zip({ 'inner.zip': await zip({ 'a.csv': data }) }), 'container.nested'],
    [gzipSync(await zip({ 'a.csv': data })), 'container.nested'],
    [await zip({}), 'source.empty'],
    [await zip({ 'a.pdf': '%PDF-1.7 …' }), 'format.unsupported'],
  ];
  for (const [content, code] of cases) expect(await failure(read(content))).toMatchObject({ code });
});

test('an archive whose directory lies, or that is cut off, is refused', async () => {
  const data = `a,b\n${'1,2\n'.repeat(1000)}`;
  const whole = rawZip([{ name: 'a.csv', data }]);
  for (const content of [
    rawZip([{ name: 'a.csv', data, claimed: { crc: 1 } }]),
    rawZip([{ name: 'a.csv', data, claimed: { size: 100 } }]),
    rawZip([{ name: 'a.csv', data, claimed: { size: 1e6 } }]),
    whole.subarray(0, whole.length - 30),
  ]) {
    expect(await failure(read(content))).toMatchObject({ code: 'container.damaged' });
  }
});

test('a bomb is cut at its ratio, bytes or entries, in bounded memory', async () => {
  const block = Buffer.alloc(8 * MEGABYTE, '1,2\n');
  const bomb = rawZip([{ name: 'a.csv', data: block, claimed: { size: 4e9 } }]);
  const claims = rawZip([{ name: 'a.csv', data: block, claimed: { size: 1000 } }]);
  const many = rawZip(Array.from({ length: 100_000 }, (_, i) => ({ name: `${i}.csv` })));
  const megabytes = await memoryOf(async () => {
    expect(await failure(read(bomb))).toMatchObject({ code: 'limit.ratio' });
    expect(await failure(read(claims))).toMatchObject({ code: 'container.damaged' });
    expect(await failure(read(many))).toMatchObject({ code: expect.stringMatching(/limit.entries|container.damaged/) });
  });
  expect(megabytes).toBeLessThan(200);
  const small = await zip({ 'a.csv': 'a,b\n1,2\n', 'b.csv': 'a,b\n1,2\n' });
  expect(await failure(read(small, { limits: { entries: 1 } }))).toMatchObject({ code: 'limit.entries' });
  expect(await failure(read(small, { limits: { bytes: 10 } }))).toMatchObject({ code: 'limit.bytes' });
}, 30_000);

test('any archive of tables is read back table by table', async () => {
  const name = fc.stringMatching(/^[a-z甲乙丙]{1,8}$/);
  const rows = fc.array(fc.tuple(fc.stringMatching(/^[a-z甲 ]{0,6}$/), fc.integer()), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, rows, { minKeys: 2, maxKeys: 5 }), async (files) => {
      const texts = Object.entries(files).map(([key, table]): [string, string] => [
        `${key}.csv`,
        `name,count\n${table.map((row) => row.join(',')).join('\n')}\n`,
      ]);
      const tables = await read(await zip(Object.fromEntries(texts)), { headerRows: 1, delimiter: ',' });
      expect(tables.map((t) => t.rows)).toEqual(
        Object.values(files).map((table) => table.map((row) => row.map(String))),
      );
    }),
    { numRuns: 50 },
  );
});
