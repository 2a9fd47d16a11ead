import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from '@jest/globals';
import { type BombEntry, bombZip, endlessDeflate } from './bombs.js';
import { createBench } from './support.js';

const bench = createBench();
afterAll(() => bench.remove());

const MEGABYTE = 1024 * 1024;
const GIGABYTE = 1024 * MEGABYTE;
const MEMORY_MB = 300;
// Large input that is read stays below the former too on an idle machine; a busy one collects garbage later.
const READ_MEMORY_MB = 380;
const SECONDS = 20;
const LONG = 120_000;

const TABLE = 'a,b\n1,2\n';
const entry = (path: string, more: Partial<BombEntry> = {}): BombEntry => ({
  path,
  packed: deflateRawSync(TABLE),
  size: TABLE.length,
  ...more,
});
const gigabytes = endlessDeflate('1,2\n', 3 * GIGABYTE);
const bomb = (path: string, size = 3 * GIGABYTE): BombEntry => ({ path, packed: gigabytes, size });
const workbook = (part: BombEntry): Buffer =>
  bombZip([entry('[Content_Types].xml'), entry('xl/workbook.xml'), { ...part, path: 'xl/worksheets/sheet1.xml' }]);

const levels = Array.from({ length: 9 }, (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`).join('');
const LAUGHS = `<!DOCTYPE r [<!ENTITY l0 "ha">${levels}]><r><a>&l9;</a><a>1</a></r>`;

const REFUSED: Record<string, { content: () => string | Buffer; code: string; says?: RegExp }> = {
  'a ZIP archive of 12 GB': {
    content: () => bombZip([1, 2, 3, 4].map((n) => bomb(`${n}.csv`))),
    code: 'limit.ratio',
    says: /more than 200 times/,
  },
  'a ZIP archive that unpacks to 3 GB and says it is small': {
    content: () => bombZip([bomb('a.csv', 1000)]),
    code: 'container.damaged',
    says: /too many bytes.*已损坏/,
  },
  'a ZIP archive whose 900 entries are the same bytes': {
    content: () => {
      const packed = endlessDeflate('1,2\n', 16 * MEGABYTE);
      const same = { packed, size: 16 * MEGABYTE };
      return bombZip([
        { path: 'a.csv', ...same },
        ...Array.from({ length: 899 }, (_, i) => ({ path: `${i}.csv`, ...same, overlaps: true })),
      ]);
    },
    code: 'limit.ratio',
  },
  'a ZIP archive of 60,000 entries': {
    content: () => bombZip(Array.from({ length: 60_000 }, (_, i) => entry(`${i}.csv`))),
    code: 'limit.entries',
    says: /holds 60000 files/,
  },
  'a gzip file of 10 GB': {
    content: () => {
      const member = gzipSync(Buffer.alloc(16 * MEGABYTE, '1,2\n'));
      return Buffer.concat(Array.from({ length: 640 }, () => member));
    },
    code: 'limit.ratio',
  },
  'an archive in an archive': {
    content: () => {
      const inner = bombZip([entry('a.csv')]);
      return bombZip([{ path: 'inner.zip', packed: deflateRawSync(inner), size: inner.length, crc: crc32(inner) }]);
    },
    code: 'container.nested',
  },
  'a gzip file in a gzip file': { content: () => gzipSync(gzipSync(TABLE)), code: 'container.nested' },
  'a path that leaves the archive': { content: () => bombZip([entry('../../etc/a.csv')]), code: 'container.path' },
  'a symbolic link': { content: () => bombZip([entry('a.csv', { mode: 0o120777 })]), code: 'container.symlink' },
  'a workbook with a sheet of 3 GB': { content: () => workbook(bomb('')), code: 'limit.ratio' },
  'JSON of 200,000 levels': {
    content: () => '['.repeat(200_000) + ']'.repeat(200_000),
    code: 'limit.depth',
    says: /deeper than 100.*嵌套过深/,
  },
  'XML of 200,000 levels': {
    content: () => '<a>'.repeat(200_000) + '</a>'.repeat(200_000),
    code: 'limit.depth',
  },
  'entities within entities': { content: () => LAUGHS, code: 'xml.doctype', says: /DTD.*拒|不接受/ },
  'an external entity': {
    content: () => '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]><r><a>&e;</a><a>1</a></r>',
    code: 'xml.doctype',
  },
  'XML of a million different elements': {
    content: () => `<r>${Array.from({ length: 1_000_000 }, (_, i) => `<k${i}><b>1</b></k${i}>`).join('')}</r>`,
    code: 'limit.columns',
  },
  'bytes that are no text': {
    content: () => Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i * 7 + (i >> 3) * 13) & 0xff)),
    code: 'format.unknown',
    says: /no known format.*无法识别/,
  },
};

describe('is refused within seconds and bounded memory, with exit code 2', () => {
  test.each(Object.entries(REFUSED))(
    '%s',
    async (name, { content, code, says }) => {
      const failed = await bench.failure(bench.write(name.replaceAll(' ', '-'), content()));
      expect([failed.exit, failed.code, failed.actor]).toEqual([2, code, 'department']);
      if (says) expect(failed.message).toMatch(says);
      expect(failed.stderr).not.toMatch(/\n\s+at /);
      expect(failed.peakMb).toBeLessThan(MEMORY_MB);
      expect(failed.seconds).toBeLessThan(SECONDS);
    },
    LONG,
  );
});

const named = (columns: number): string => Array.from({ length: columns }, (_, i) => `c${i}`).join(',');
const wide = (columns: number): string => Array.from({ length: columns }, (_, i) => i).join(',');

const READ: Record<string, { content: () => string; rows: number; rejected?: number }> = {
  '5,000 columns': {
    content: () => `${named(5000)}
${`${wide(5000)}
`.repeat(50)}`,
    rows: 50,
  },
  'a million rows of two lines each': { content: () => `id,t\n${'1,"a\nb"\n'.repeat(1_000_000)}`, rows: 1_000_000 },
  'half a million rejected rows': {
    content: () => `a,b,c\n${'1,2,3\n4,5\n'.repeat(500_000)}`,
    rows: 500_000,
    rejected: 500_000,
  },
  'cells that look like rows': { content: () => `a,b\n${'",\n",\n'.repeat(1_000_000)}`, rows: 1_000_000 },
};

describe('is read in bounded memory', () => {
  test.each(Object.entries(READ))(
    '%s',
    async (name, { content, rows, rejected = 0 }) => {
      const run = await bench.inspect(bench.write(`${name.replaceAll(' ', '-')}.csv`, content()), '--json');
      expect([run.exit, run.stderr]).toEqual([0, '']);
      expect(JSON.parse(run.stdout)).toMatchObject({ rows, rejectedCount: rejected });
      expect(run.peakMb).toBeLessThan(READ_MEMORY_MB);
    },
    LONG,
  );
});

test(
  '100 MB of line ends is an empty file, found in seconds',
  async () => {
    const name = bench.writeLarge('blank.csv', { head: '', block: Buffer.alloc(MEGABYTE, '\n'), times: 100 });
    const run = await bench.inspect(name, '--json');
    expect(JSON.parse(run.stdout)).toMatchObject({ rows: 0, columns: [], warnings: [{ code: 'source.empty' }] });
    expect(run.seconds).toBeLessThan(SECONDS);
  },
  LONG,
);

describe('every limit can be told', () => {
  test.each([
    ['columns=1', 'limit.columns'],
    ['timeMs=1', 'limit.time'],
    ['bytes=3', 'limit.bytes'],
    ['fieldBytes=1', 'limit.field-bytes'],
  ])('%s ends with %s', async (limit, code) => {
    const rows = `aa,bb\n${'11,22\n'.repeat(50_000)}`;
    expect(await bench.failure(bench.write('told.csv', rows), '--limit', limit)).toMatchObject({ exit: 2, code });
  });

  test.each([
    ['speed=1', 'there is no limit "speed"'],
    ['columns', 'expected a whole number from 1'],
    ['columns=many', 'expected a whole number from 1'],
    ['rowBytes=99999999', 'expected a whole number from 1 to 524288'],
  ])('%s is wrong usage', async (limit, says) => {
    const run = await bench.inspect(bench.write('told.csv', TABLE), '--limit', limit);
    expect(run.exit).toBe(2);
    expect(run.stderr).toContain(says);
  });

  test('the help names them all', async () => {
    const { DEFAULT_LIMITS } = await import('@songhua/formats');
    const { stdout } = await bench.inspect('--help');
    for (const name of Object.keys(DEFAULT_LIMITS)) expect(stdout.replace(/\s+/g, ' ')).toContain(name);
  });
});
