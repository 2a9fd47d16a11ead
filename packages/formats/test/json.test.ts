import { afterAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createFolder, failure, memoryOf, readAll } from './support.js';

const folder = createFolder();
afterAll(() => folder.remove());

const read = (content: string | Buffer, options = {}) => readAll(folder.write('input.json', content), options);

test('a list of objects is a table with all their keys, in order of appearance, wherever it stands', async () => {
  const records = '[{"名称":"甲","n":1},\n{"n":2,"late":true},\n{"名称":null}]';
  for (const text of [
    records,
    `{"code":0,"data":{"total":3,"records":${records}}}`,
    `\ufeff{"r":${records},"x":[{"y":1}]}`,
  ]) {
    const { header, rows } = await read(text);
    expect(header).toEqual(['名称', 'n', 'late']);
    expect(rows).toEqual([
      ['甲', '1', ''],
      ['', '2', 'true'],
      ['', '', ''],
    ]);
  }
});

test('a path says which list is read, and lists that are not read are told', async () => {
  const text = '{"a":{"rows":[{"x":1},{"x":2}]},"b":[{"y":3}]}';
  const found = await read(text);
  expect([found.rows, found.table.warnings[0]?.code]).toEqual([[['1'], ['2']], 'records.others']);
  expect((await read(text, { recordPath: '/b' })).rows).toEqual([['3']]);
  expect(await failure(read(text, { recordPath: '/c' }))).toMatchObject({ code: 'records.missing' });
});

test('a map of objects, values after each other, lists of lists and lists of values are tables', async () => {
  expect(await read('{"230102":{"n":"道里","s":[{"q":1}]},"230103":{"n":"南岗","s":[]}}')).toMatchObject({
    header: ['key', 'n', 's'],
    rows: [
      ['230102', '道里', '[{"q":1}]'],
      ['230103', '南岗', '[]'],
    ],
  });
  expect(await read('{"a":1}\n{"a":2}\n')).toMatchObject({ header: ['a'], rows: [['1'], ['2']], lines: [1, 2] });
  expect(await read('{\n"a":1}\n{"a":\n2}')).toMatchObject({ rows: [['1'], ['2']], lines: [1, 3] });
  expect(await read('[["名称","值"],["甲",1.50],["乙",[1, 2]]]')).toMatchObject({
    header: ['名称', '值'],
    rows: [
      ['甲', '1.50'],
      ['乙', '[1,2]'],
    ],
  });
  expect(await read('[1,"x",null]')).toMatchObject({ header: ['value'], rows: [['1'], ['x'], ['']] });
  expect(await read('{"a":1,"b":{"c":2}}')).toMatchObject({ header: ['a', 'b'], rows: [['1', '{"c":2}']] });
});

test('digits and the text of values inside values stay as they are', async () => {
  const { rows } = await read(
    '[{"id":12345678901234567890,"v":1.10,"e":1E5,"o":{"n":98765432109876543210, "t":[ 1.50,"\\u4e2d"]}}]',
  );
  expect(rows).toEqual([['12345678901234567890', '1.10', '1E5', '{"n":98765432109876543210,"t":[1.50,"\\u4e2d"]}']]);
});

test('__proto__ is a name like any other', async () => {
  const { header, rows } = await read('[{"__proto__":{"polluted":1},"constructor":"c","a":"x"}]');
  expect([header, rows]).toEqual([['__proto__', 'constructor', 'a'], [['{"polluted":1}', 'c', 'x']]]);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test('what is not JSON is refused with its line', async () => {
  const cases: [string, RegExp][] = [
    ['[{"a":1},\n{"a":NaN}]', /line 2.*found NaN/],
    ['[{"a":-Infinity}]', /-Infinity/],
    ['[{"a":01}]', /line 1/],
    ['[{"a":1},]', /line 1/],
    ['[{"a":"x\ny"}]', /line 1/],
    ['[{"a":1}', /ends inside/],
    ['[{"a":"x', /not closed/],
    ['[{"a":"\\x"}]', /escape/],
    ["[{'a':1}]", /quotes/],
  ];
  for (const [text, message] of cases) {
    expect(await failure(read(text))).toMatchObject({
      code: 'json.invalid',
      message: expect.stringMatching(message),
    });
  }
  for (const text of ['[]', '{"code":200,"data":{"total":0,"records":[]}}']) {
    expect(await failure(read(text))).toMatchObject({ code: 'source.empty' });
  }
});

test('in NDJSON a bad line is rejected and the others are read', async () => {
  const { rows, rejected, lines } = await read('{"a":1}\n{"a":\n\n{"a":NaN}\n{"a":5}\n{"a":6}\n{"a":7}');
  expect([rows, lines]).toEqual([
    [['1'], ['5'], ['6'], ['7']],
    [1, 5, 6, 7],
  ]);
  expect(rejected.map((r) => [r.line, r.code, r.raw])).toEqual([
    [2, 'row.json', '{"a":'],
    [4, 'row.json', '{"a":NaN}'],
  ]);
});

test('records with a key twice, half a character, a NUL, or of another kind are rejected alone', async () => {
  const { rows, rejected } = await read(
    '[{"a":1},\n{"a":1,"a":2},\n{"a":"\\ud800"},\n{"a":"\\u0000"},\n7,\n[1],\n{"a":2}]',
  );
  expect(rows).toEqual([['1'], ['2']]);
  expect(rejected.map((r) => [r.line, r.code])).toEqual([
    [2, 'row.key-repeated'],
    [3, 'row.encoding'],
    [4, 'row.nul'],
    [5, 'row.json'],
    [6, 'row.json'],
  ]);
});

test('JSON is read in every encoding, and bytes that are not reject their record', async () => {
  const text = '[{"名称":"哈尔滨"},{"名称":"甲"}]';
  const gbk = Buffer.from('5b7b22c3fbb3c6223a22b9feb6fbb1f5227d2c7b22c3fbb3c6223a22bcd7227d5d', 'hex');
  for (const bytes of [Buffer.from(text), gbk, Buffer.from(`\ufeff${text}`, 'utf16le'), Buffer.from(text, 'utf16le')]) {
    expect((await read(bytes)).rows).toEqual([['哈尔滨'], ['甲']]);
  }
  const bad = Buffer.concat([
    Buffer.from(`[${'{"a":"哈"},'.repeat(50)}{"a":"`),
    Buffer.from([0xff]),
    Buffer.from('"}]'),
  ]);
  const { rows, rejected } = await read(bad, { encoding: 'utf-8' });
  expect([rows.length, rejected.map((r) => r.code)]).toEqual([50, ['row.encoding']]);
});

test('depth, fields, rows and columns end at their limits in bounded memory', async () => {
  const deep = '['.repeat(200_000) + ']'.repeat(200_000);
  const long = folder.write(
    'long.json',
    Buffer.concat([Buffer.from('[{"a":"'), Buffer.alloc(200e6, 'x'), Buffer.from('"}]')]),
  );
  const wide = `[{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join(',')}}]`;
  const nested = `[{"a":[${'"xxxxxxxx",'.repeat(100_000)}1]}]`;
  const megabytes = await memoryOf(async () => {
    expect(await failure(read(deep))).toMatchObject({ code: 'limit.depth' });
    expect(await failure(read(`[{"a":${deep}}]`))).toMatchObject({ code: 'limit.depth' });
    expect(await failure(readAll(long))).toMatchObject({ code: 'limit.field-bytes' });
    expect(await failure(read(wide))).toMatchObject({ code: 'limit.columns' });
    expect(await failure(read(nested))).toMatchObject({ code: 'limit.field-bytes' });
    expect(await failure(read('[{"a":"xxxx","b":"xxxx"}]', { limits: { rowBytes: 5 } }))).toMatchObject({
      code: 'limit.row-bytes',
    });
  });
  expect(megabytes).toBeLessThan(150);
}, 30_000);

const value = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const text = (v: unknown): string =>
  v === undefined || v === null ? '' : typeof v === 'object' ? JSON.stringify(v) : String(v);

test('any records that a program writes as JSON are read back cell by cell, however they are laid out and cut', async () => {
  const record = fc.record({
    a: value,
    b: fc.oneof(value, fc.array(value), fc.dictionary(fc.string(), value)),
    // Three bytes in UTF-8: with fewer, ơ alone could as well be 啤 in GB 18030.
    '名 d': value,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { minLength: 2, maxLength: 30 }),
      fc.constantFrom(0, 2, -1),
      async (records, indent) => {
        fc.pre(!/\\u0000|\ufffd|\ufeff/.test(JSON.stringify(records)));
        const written =
          indent < 0 ? records.map((r) => `${JSON.stringify(r)}\n`).join('') : JSON.stringify(records, null, indent);
        const { rows, header, rejected } = await read(written);
        expect(rejected).toEqual([]);
        expect(header).toEqual(['a', 'b', '名 d']);
        expect(rows).toEqual(
          records.map((r) => [text(r.a), text(r.b), text(r['名 d'])].map((s) => (s === '-0' ? '0' : s))),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test('a large document is read over many chunks', async () => {
  const records = Array.from({ length: 60_000 }, (_, i) => ({ id: i, name: `南岗区${i}"\n`, list: [i, { k: i }] }));
  const { rows } = await read(JSON.stringify({ data: records }));
  expect(rows.length).toBe(60_000);
  expect(
    rows.every((row, i) => row[0] === String(i) && row[1] === `南岗区${i}"\n` && row[2] === `[${i},{"k":${i}}]`),
  ).toBe(true);
});

test('no damage to JSON makes reading hang or fail in an unnamed way', async () => {
  const base = '{"data":[{"a":1,"b":"x\\n","c":[1,{"d":null}]},{"a":-1.5e3,"b":"哈","c":true}]}';
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(base.length), fc.nat(3), fc.constantFrom(...'{}[]",:\\0e-\n\0 x')), {
        minLength: 1,
        maxLength: 5,
      }),
      async (edits) => {
        let damaged = base;
        for (const [at, cut, piece] of edits) damaged = damaged.slice(0, at) + piece + damaged.slice(at + cut);
        const code = await read(damaged).then(
          () => 'read',
          (error: { code?: string }) => error.code,
        );
        expect(code).toMatch(/^(read|[a-z]+\.[a-z-]+)$/);
      },
    ),
    { numRuns: 500 },
  );
});

test('rejected records say at which byte they begin, in NDJSON of any encoding', async () => {
  const document = Buffer.from(`\ufeff{"表":[${'{"a":"哈尔滨"},\n'.repeat(9000)}{"a":1,"a":2},\n {"a":"\\ud800"}, 7]}`);
  const { rejected } = await read(document);
  expect(rejected.map((r) => document.subarray(r.offset, (r.offset ?? 0) + 5).toString())).toEqual([
    '{"a":',
    '{"a":',
    '7]}',
  ]);
  const lines = `{"a":"甲"}\n{"a":\n{"a":"乙"}\n{"a":"\\ud800"}\n{"a":"乙"}\n`;
  const gbk = Buffer.from('7b2261223a22bcd7227d0a7b2261223a0a7b2261223a22d2d2227d0a7b2261223a22bcd7227d0a', 'hex');
  const bad = [Buffer.from('{"a":\n'), Buffer.from('{"a":\n', 'utf16le')] as const;
  expect((await read(`\ufeff${lines}`)).rejected.map((r) => r.offset)).toEqual([15, 33]);
  expect((await read(gbk)).rejected.map((r) => r.offset)).toEqual([gbk.indexOf(bad[0])]);
  const wide = Buffer.from(`\ufeff${lines}`, 'utf16le');
  expect((await read(wide)).rejected.map((r) => r.offset)?.[0]).toBe(wide.indexOf(bad[1]));
});

test('comments, quotes and keys of other dialects are refused with their line, and what a program printed first is a rejected row', async () => {
  const cases: [string, RegExp][] = [
    ['// made by x\n[{"a":1}]', /line 1.*comment/],
    ['/* x */ {"a":1}', /line 1.*comment/],
    ['[{"a":1},\n/* x */{"a":2}]', /line 2.*comment.*第 2 行/],
    ["{'a':1}\n{'a':2}\n{'a':3}", /line 1.*quotes/],
    ['{a:1,\nb:2}', /line 1.*quotes/],
    ['[{"a":1},\n{"a":2,}]', /line 2/],
  ];
  for (const [text, message] of cases) {
    expect(await failure(read(text))).toMatchObject({ code: 'json.invalid', message: expect.stringMatching(message) });
  }
  const printed = await read('Fetched 3 rows\n{"a":1}\n{"a":2}\n{"a":3}\n');
  expect([printed.rows.length, printed.rejected.map((r) => [r.line, r.offset, r.raw])]).toEqual([
    3,
    [[1, 0, 'Fetched 3 rows']],
  ]);
  expect((await read('payload\n"{""a"":1}"\n"{""a"":2}"\n')).table.format).toBe('delimited');
});

test('a document that ends early gives no row, and NDJSON that ends early one rejected row', async () => {
  const whole = `[${'{"a":"xxxxxxxx"},\n'.repeat(20_000)}{"a":1}]`;
  for (const at of [whole.length - 1, whole.length - 3, 200_000]) {
    expect(await failure(read(whole.slice(0, at)))).toMatchObject({ code: 'json.invalid' });
  }
  const { rows, rejected } = await read('{"a":1}\n{"a":2}\n{"a":');
  expect([rows, rejected.map((r) => [r.line, r.code])]).toEqual([[['1'], ['2']], [[3, 'row.json']]]);
});

test('numbers beyond what programs calculate with keep their digits', async () => {
  const numbers = ['1e400', '-0', '12345678901234567890.123456789', '1E-400', '0.1000'];
  const { rows } = await read(`[${numbers.map((n) => `{"n":${n}}`).join(',')}]`);
  expect(rows.flat()).toEqual(numbers);
});

test('a path that is not there is answered with those that are; a slash before it may be missing', async () => {
  const text = '{"a":{"rows":[{"x":1}]},"m":{"k":{"a":1},"l":{"a":2}}}';
  const { code, message } = await failure(read(text, { recordPath: '/nope' }));
  expect([code, message]).toEqual(['records.missing', expect.stringMatching(/"\/a\/rows", "\/m".*recordPath 可为/)]);
  expect((await read(text, { recordPath: 'a/rows' })).rows).toEqual([['1']]);
  expect((await read(text, { recordPath: '/m' })).rows).toEqual([
    ['k', '1'],
    ['l', '2'],
  ]);
});
