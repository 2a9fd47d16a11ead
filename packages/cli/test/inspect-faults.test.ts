import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from '@jest/globals';
import { createBench } from './support.js';

const bench = createBench();
afterAll(() => bench.remove());

const MEGABYTE = 1024 * 1024;
/** What hostile input may make the process take, and how long. */
const MEMORY_MB = 300;
// Large input that is read stays below the former too on an idle machine; a busy one collects garbage later.
const READ_MEMORY_MB = 380;
const SECONDS = 20;
const LONG = 120_000;

const gb = (hex: string) => Buffer.from(hex, 'hex');
const JIA = gb('bcd7');

/** Content that is read, what is read of it, and the codes of what is not. */
const READ: Record<
  string,
  { content: string | Buffer; rows: string[][]; rejected?: [number, string][]; encoding?: string }
> = {
  'GB 18030': {
    content: Buffer.concat([gb('c3fbb3c62cd6b5'), Buffer.from('\n'), JIA, Buffer.from(',1\n')]),
    rows: [['甲', '1']],
    encoding: 'gb18030',
  },
  'UTF-8 with a byte order mark': { content: '\ufeff名称,值\n甲,1\n', rows: [['甲', '1']], encoding: 'utf-8' },
  'UTF-16 LE': { content: Buffer.from('\ufeff名称,值\n甲,1\n', 'utf16le'), rows: [['甲', '1']], encoding: 'utf-16le' },
  'UTF-16 BE': {
    content: Buffer.from('\ufeff名称,值\n甲,1\n', 'utf16le').swap16(),
    rows: [['甲', '1']],
    encoding: 'utf-16be',
  },
  'bytes of another encoding in one row': {
    content: Buffer.concat([Buffer.from(`名称,值\n${'甲,1\n'.repeat(50)}`), JIA, Buffer.from(',2\n')]),
    rows: Array.from({ length: 50 }, () => ['甲', '1']),
    rejected: [[52, 'row.encoding']],
  },
  'line breaks in quotes': {
    content: 'a,b,c\n1,"x\r\ny\nz",2\n3,4,5\n',
    rows: [
      ['1', 'x\r\ny\nz', '2'],
      ['3', '4', '5'],
    ],
  },
  'lone quotes': {
    content: 'a,b\n1,19" rack\n2,x"y"z\n',
    rows: [
      ['1', '19" rack'],
      ['2', 'x"y"z'],
    ],
  },
  'ragged rows': {
    content: 'a,b,c\n1,2,3\n4,5\n6,7,8,9\n10,11,12\n',
    rows: [
      ['1', '2', '3'],
      ['10', '11', '12'],
    ],
    rejected: [
      [3, 'row.fields'],
      [4, 'row.fields'],
    ],
  },
  'NUL bytes': {
    content: 'a,b\n1,2\n3,\u00004\n5,6\n',
    rows: [
      ['1', '2'],
      ['5', '6'],
    ],
    rejected: [[3, 'row.nul']],
  },
  'carriage returns alone': {
    content: 'a,b\r1,"x\ry"\r2,z\r',
    rows: [
      ['1', 'x\ry'],
      ['2', 'z'],
    ],
  },
  'a quote that is never closed': {
    content: 'a,b,c\n1,2,3\n4,"x\n6,7,8\n',
    rows: [
      ['1', '2', '3'],
      ['6', '7', '8'],
    ],
    rejected: [[3, 'row.quote']],
  },
  'a preamble, units and footnotes': {
    content:
      '2017年统计表,,\n单位：万元,,\n\n年份,金额,人数\n2017,12.5,3\n2016,11,4\n合计,23.5,7\n注：以上为初步数据\n',
    rows: [
      ['2017', '12.5', '3'],
      ['2016', '11', '4'],
    ],
  },
  'cells that start a formula': {
    content: 'a,b\n=1+1,@x\n+2,-3\n\u0009tab,"\rcr"\n',
    rows: [
      ['=1+1', '@x'],
      ['+2', '-3'],
      ['\ttab', '\rcr'],
    ],
  },
};

describe('is read, or rejected with line and reason', () => {
  test.each(Object.entries(READ))('%s', async (name, { content, rows, rejected = [], encoding }) => {
    const document = await bench.document(bench.write(`${name}.csv`, content));
    expect(document.cells.slice(1)).toEqual(rows);
    expect(document.rejectedRows.map(({ line, code }) => [line, code])).toEqual(rejected);
    for (const { message } of document.rejectedRows) expect(message).toMatch(/\p{Script=Han}.* \/ .*[a-z]/u);
    if (encoding) expect(document.encoding).toBe(encoding);
    expect(document.cells.flat().join()).not.toContain('\ufffd');
  });
});

const wide = (columns: number) => Array.from({ length: columns }, (_, i) => `c${i}`).join(',');
const x = Buffer.alloc(MEGABYTE, 'x');
const halves = [
  Buffer.from(`a,b\n${'甲,1\n'.repeat(50)}`),
  ...Array.from({ length: 50 }, () => Buffer.concat([JIA, Buffer.from(',1\n')])),
];

/** What is refused: how the file is made, the code, and what the message names. */
const REFUSED: Record<string, { make: (name: string) => string; code: string; says: RegExp }> = {
  'a login page instead of data': {
    make: (name) => bench.write(name, '<!DOCTYPE html><html><body>login</body></html>'),
    code: 'source.html',
    says: /HTML page.*网页/,
  },
  'half UTF-8, half GB 18030': {
    make: (name) => bench.write(name, Buffer.concat(halves)),
    code: 'encoding.invalid',
    says: /line 52 at byte 304.*第 52 行/,
  },
  '100,000 columns': {
    make: (name) => bench.write(name, `${wide(100_000)}\n${wide(100_000)}\n`),
    code: 'limit.columns',
    says: /more than 16384/,
  },
  'a field of 1 GB': {
    make: (name) => bench.writeLarge(name, { head: 'a,b\n1,2\n3,', block: x, times: 1024, tail: '\n' }),
    code: 'limit.field-bytes',
    says: /line 3/,
  },
  'a quoted field of 200 MB': {
    make: (name) => bench.writeLarge(name, { head: 'a,b\n1,2\n3,"', block: x, times: 200, tail: '"\n' }),
    code: 'limit.field-bytes',
    says: /line 3/,
  },
  'a never-closed quote over 200 MB': {
    make: (name) =>
      bench.writeLarge(name, { head: 'a,b\n1,2\n3,"', block: Buffer.from('4,5\n'.repeat(MEGABYTE / 4)), times: 200 }),
    code: 'limit.field-bytes',
    says: /line 3/,
  },
  'a truncated gzip file': {
    make: (name) => bench.write(name, gzipSync('编号,值\n1,2\n'.repeat(9999)).subarray(0, 120)),
    code: 'container.damaged',
    says: /damaged gzip.*已损坏/,
  },
  'a gzip file that unpacks to a thousand times its size': {
    make: (name) => bench.write(name, gzipSync(Buffer.alloc(400 * MEGABYTE, '1,2\n'))),
    code: 'limit.ratio',
    says: /more than 200 times/,
  },
  'one line of 200 MB': {
    make: (name) => bench.writeLarge(name, { head: '', block: x, times: 200 }),
    code: 'limit.field-bytes',
    says: /line 1/,
  },
};

describe('is refused within seconds and bounded memory, with exit code 2 and a message that says where', () => {
  test.each(Object.entries(REFUSED))(
    '%s',
    async (name, { make, code, says }) => {
      const failed = await bench.failure(make(`${name}.csv`));
      expect([failed.exit, failed.code, failed.actor]).toEqual([2, code, 'department']);
      expect(failed.message).toMatch(says);
      expect(failed.stderr).toContain(code);
      expect(failed.peakMb).toBeLessThan(MEMORY_MB);
      expect(failed.seconds).toBeLessThan(SECONDS);
    },
    LONG,
  );
});

const LARGE: Record<string, { make: (name: string) => string; rows: number }> = {
  '60 MB of plain rows': {
    make: (name) => {
      const rows = Array.from({ length: 10_000 }, (_, i) => `${i},哈尔滨市第${i}号设施,${i / 4},2017-07-01\n`).join('');
      return bench.writeLarge(name, { head: 'id,name,v,d\n', block: Buffer.from(rows), times: 120 });
    },
    rows: 1_200_000,
  },
  'outlines of 200 kB in 300 cells': {
    make: (name) =>
      bench.writeLarge(name, {
        head: 'id,wkt\n',
        block: Buffer.from(`1,"${'126.5 45.7,'.repeat(18_000)}"\n`),
        times: 300,
      }),
    rows: 300,
  },
  '2,000 columns': {
    make: (name) =>
      bench.write(name, `${wide(2000)}\n${`${Array.from({ length: 2000 }, (_, i) => i).join(',')}\n`.repeat(50)}`),
    rows: 50,
  },
};

describe('is read in bounded memory', () => {
  test.each(Object.entries(LARGE))(
    '%s',
    async (name, { make, rows }) => {
      const run = await bench.inspect(make(`${name}.csv`), '--json');
      expect([run.exit, run.stderr]).toEqual([0, '']);
      expect(JSON.parse(run.stdout)).toMatchObject({ rows, rejectedCount: 0 });
      expect(run.peakMb).toBeLessThan(READ_MEMORY_MB);
    },
    LONG,
  );
});
