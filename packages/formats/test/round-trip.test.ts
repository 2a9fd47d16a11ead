import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createFolder, readAll } from './support.js';

const folder = createFolder();
afterAll(() => folder.remove());

interface Written {
  delimiter: string;
  quote: string;
  eol: string;
}

function writeTable(rows: string[][], { delimiter, quote, eol }: Written): string {
  const special = new RegExp(
    `[\\r\\n${[...delimiter, quote].map((c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`).join('')}]`,
    'u',
  );
  const cell = (text: string, alone: boolean): string =>
    special.test(text) || text.startsWith(' ') || (alone && text.trim() === '')
      ? quote + text.replaceAll(quote, quote + quote) + quote
      : text;
  return rows.map((row) => row.map((text) => cell(text, row.length === 1)).join(delimiter)).join(eol) + eol;
}

function encode(text: string, encoding: string): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text);
  if (encoding === 'utf-8-bom') return Buffer.from(`\ufeff${text}`);
  if (encoding === 'utf-16le') return Buffer.from(text, 'utf16le');
  if (encoding === 'utf-16be') return Buffer.from(text, 'utf16le').swap16();
  const table = reverse(encoding);
  return Buffer.concat([...text].map((c) => table.get(c) ?? Buffer.from(c, 'latin1')));
}

const tables = new Map<string, Map<string, Buffer>>();

/** Character → bytes of a two-byte encoding, from its decoder. */
function reverse(encoding: string): Map<string, Buffer> {
  const known = tables.get(encoding);
  if (known !== undefined) return known;
  const table = new Map<string, Buffer>();
  const decoder = new TextDecoder(encoding);
  for (let lead = 0xa4; lead <= 0xfa; lead++) {
    for (let trail = 0x40; trail <= 0xfe; trail++) {
      const bytes = Buffer.from([lead, trail]);
      const text = decoder.decode(bytes);
      if ([...text].length === 1 && text !== '\ufffd' && !table.has(text)) table.set(text, bytes);
    }
  }
  tables.set(encoding, table);
  return table;
}

const ascii = fc.constantFrom(...'abcXYZ019 .-_/:;,|\t"\'\\()$%#\n'.split(''));
const unicode = fc.oneof(
  fc.constantFrom(...'哈尔滨市甲乙丙，。é€😀'),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
);
const characters: Record<string, fc.Arbitrary<string>> = {
  'utf-8': fc.oneof(ascii, unicode),
  'utf-8-bom': fc.oneof(ascii, unicode),
  'utf-16le': fc.oneof(ascii, unicode),
  'utf-16be': fc.oneof(ascii, unicode),
  gb18030: fc.oneof(ascii, fc.constantFrom(...'哈尔滨市政府开放数据')),
  big5: fc.oneof(ascii, fc.constantFrom(...'臺灣政府開放資料')),
};

const tableOf = (encoding: string): fc.Arbitrary<string[][]> =>
  fc.integer({ min: 1, max: 6 }).chain((columns) =>
    fc.array(
      fc.array(
        fc
          .string({ unit: characters[encoding] as fc.Arbitrary<string>, maxLength: 12 })
          .filter((s) => !/[\0\ufffd\ufeff]/.test(s)),
        { minLength: columns, maxLength: columns },
      ),
      { minLength: 1, maxLength: 30 },
    ),
  );

for (const encoding of Object.keys(characters)) {
  test(`any table in any told dialect in ${encoding} is read back cell by cell`, async () => {
    await fc.assert(
      fc.asyncProperty(
        tableOf(encoding),
        fc.constantFrom(',', ';', '\t', '|', '||', ', ', '^'),
        fc.constantFrom('"', "'"),
        fc.constantFrom('\n', '\r\n'),
        async (rows, delimiter, quote, eol) => {
          const header = (rows[0] as string[]).map((_, i) => `name${'abcdef'[i]}`);
          const path = folder.write(
            't.csv',
            encode(writeTable([header, ...rows], { delimiter, quote, eol }), encoding),
          );
          const told = encoding === 'utf-8-bom' ? 'utf-8' : encoding;
          const read = await readAll(path, { encoding: told, delimiter, quote, headerRows: 1, preambleRows: 0 });
          expect(read.rejected).toEqual([]);
          expect(read.header).toEqual(header);
          expect(read.rows).toEqual(rows);
        },
      ),
      { numRuns: 150 },
    );
  });
}

const word = fc.constantFrom(
  '南岗区',
  '道里区',
  '松北区',
  '中央大街 12 号',
  'a "quoted" word',
  'one, two',
  "it's",
  'x;y',
  '',
);
const record = fc.tuple(
  fc.integer({ min: 1, max: 99_999 }).map(String),
  word,
  fc
    .date({ min: new Date('2000-01-01'), max: new Date('2026-01-01'), noInvalidDate: true })
    .map((d) => d.toISOString().slice(0, 10)),
  fc.integer({ min: 0, max: 1e6 }).map((n) => (n / 100).toFixed(2)),
  word,
);

test('a table of a department is read back with nothing told, whatever its dialect and encoding', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { minLength: 3, maxLength: 60 }),
      fc.constantFrom(',', ';', '\t', '|', '||', ', ', '^', '\u0001'),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.constantFrom('utf-8', 'utf-8-bom', 'utf-16le', 'utf-16be', 'gb18030'),
      fc.boolean(),
      async (rows, delimiter, eol, encoding, hasHeader) => {
        const header = ['编号', '名称', '日期', '金额', '备注'];
        const all = hasHeader ? [header, ...rows] : rows;
        const path = folder.write('d.csv', encode(writeTable(all, { delimiter, quote: '"', eol }), encoding));
        const read = await readAll(path);
        expect(read.table.dialect.delimiter).toBe(delimiter);
        expect(read.rejected).toEqual([]);
        expect(read.rows).toEqual(rows);
        expect(read.header).toEqual(hasHeader ? header : header.map((_, i) => `column_${i + 1}`));
      },
    ),
    { numRuns: 300 },
  );
});

test('the lines of rows are the lines that an editor shows', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2 }), fc.boolean()), {
        minLength: 1,
        maxLength: 40,
      }),
      async (shape) => {
        let text = 'a,b,c\n';
        let line = 2;
        const lines: number[] = [];
        const rejectedLines: number[] = [];
        for (const [breaks, blanks, bad] of shape) {
          if (bad) {
            text += '1,2\n';
            rejectedLines.push(line++);
          } else {
            lines.push(line);
            text += `1,"x${'\n'.repeat(breaks)}",3\n`;
            line += breaks + 1;
          }
          text += '\n'.repeat(blanks);
          line += blanks;
        }
        const read = await readAll(folder.write('l.csv', text), { headerRows: 1, delimiter: ',' });
        fc.pre(read.header.length === 3);
        expect(read.lines).toEqual(lines);
        expect(read.rejected.map((r) => r.line)).toEqual(rejectedLines);
      },
    ),
    { numRuns: 200 },
  );
});
