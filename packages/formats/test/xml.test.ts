import { afterAll, expect, test } from '@jest/globals';
import { DOMImplementation, XMLSerializer } from '@xmldom/xmldom';
import fc from 'fast-check';
import { createFolder, failure, memoryOf, readAll } from './support.js';

const folder = createFolder();
afterAll(() => folder.remove());

const read = (content: string | Buffer, options = {}) => readAll(folder.write('input.xml', content), options);

test('elements that repeat are rows; attributes and children are columns, wherever they appear first', async () => {
  const { header, rows, lines, table } = await read(
    `<?xml version="1.0" encoding="UTF-8"?>
<r:root xmlns:r="urn:x"><meta><count>2</count></meta><!-- note -->
<row id="1"><名称>甲 &amp; &#20057;</名称><v unit="元">1.50</v></row>
<row id="2"><late><![CDATA[a<b]]></late><名称/></row>
</r:root>`,
  );
  expect(header).toEqual(['id', '名称', 'v', 'v@unit', 'late']);
  expect(rows).toEqual([
    ['1', '甲 & 乙', '1.50', '元', ''],
    ['2', '', '', '', 'a<b'],
  ]);
  expect([lines, table.format]).toEqual([[3, 4], 'xml']);
});

test('a path says which elements are rows, and what else repeats is told', async () => {
  const text = '<d><f><x>1</x></f><f><x>2</x></f><f><x>3</x></f><g><y a="1"/><y a="2"/></g></d>';
  const found = await read(text);
  expect([found.rows, found.table.warnings[0]?.code]).toEqual([[['1'], ['2'], ['3']], 'records.others']);
  expect(await read(text, { recordPath: '/d/g/y' })).toMatchObject({ header: ['a'], rows: [['1'], ['2']] });
  expect(await failure(read(text, { recordPath: '/d/z' }))).toMatchObject({ code: 'records.missing' });
});

test('elements inside elements, and repeated ones, are JSON text; a single record is a row', async () => {
  const { header, rows } = await read(
    '<r><e><t>1</t><t>2</t><a><b c="3">x</b></a><__proto__><z>1</z></__proto__></e><e><t>3</t></e></r>',
  );
  expect([header, rows]).toEqual([
    ['t', 'a', '__proto__'],
    [
      ['["1","2"]', '{"b":{"@c":"3","#text":"x"}}', '{"z":"1"}'],
      ['3', '', ''],
    ],
  ]);
  expect(await read('<r><e><a>1</a><b>2</b></e></r>')).toMatchObject({ header: ['a', 'b'], rows: [['1', '2']] });
  expect(await read('<r><v>1</v><v>2</v></r>')).toMatchObject({ header: ['v'], rows: [['1'], ['2']] });
});

test('document types, entities and what is not XML are refused, before anything is expanded', async () => {
  const bomb = `<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "${'x'.repeat(1000)}">${'bcdefg'
    .split('')
    .map((c, i) => `<!ENTITY ${c} "${`&${'abcdef'[i]};`.repeat(10)}">`)
    .join('')}]><l>&g;</l>`;
  const megabytes = await memoryOf(async () => {
    expect(await failure(read(bomb))).toMatchObject({ code: 'xml.doctype' });
    expect(await failure(read('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'))).toMatchObject({ code: 'xml.doctype' });
  });
  expect(megabytes).toBeLessThan(100);
  for (const text of [
    '<a><b>&x;</b></a>',
    '<a><b></a>',
    '<?xml version="1.0"?>',
    '<a b=1/>',
    '<a><b>1</b>',
    '<a>\0</a>',
  ]) {
    expect(await failure(read(text))).toMatchObject({ code: 'xml.invalid' });
  }
});

test('XML is read in the encoding that it declares, or that its bytes show', async () => {
  const body = '<r><e a="哈尔滨"/><e a="甲"/></r>';
  const gbk = Buffer.concat([
    Buffer.from('<?xml version="1.0" encoding="GB2312"?><r><e a="'),
    Buffer.from('b9feb6fbb1f5', 'hex'),
    Buffer.from('"/><e a="'),
    Buffer.from('bcd7', 'hex'),
    Buffer.from('"/></r>'),
  ]);
  const wide = Buffer.from(`\ufeff<?xml version="1.0" encoding="UTF-16"?>${body}`, 'utf16le');
  for (const bytes of [
    gbk,
    wide,
    Buffer.from(`\ufeff${body}`),
    Buffer.from(`<?xml version="1.0" encoding="gbk"?>${body}`),
    Buffer.from(`<?xml version="1.0" encoding="GB-X"?>${body}`),
  ]) {
    expect((await read(bytes)).rows).toEqual([['哈尔滨'], ['甲']]);
  }
  const bad = Buffer.concat([
    Buffer.from('<?xml version="1.0" encoding="UTF-8"?><r>哈哈哈哈<e>'),
    Buffer.from([0xff, 0xfe]),
    Buffer.from('</e></r>'),
  ]);
  expect(await failure(read(bad))).toMatchObject({ code: 'encoding.invalid', details: { line: 1 } });
});

test('depth, fields and columns end at their limits in bounded memory', async () => {
  const long = folder.write(
    'long.xml',
    Buffer.concat([Buffer.from('<r><a>'), Buffer.alloc(200e6, 'x'), Buffer.from('</a></r>')]),
  );
  const attribute = folder.write(
    'attr.xml',
    Buffer.concat([Buffer.from('<r a="'), Buffer.alloc(50e6, 'x'), Buffer.from('"/>')]),
  );
  const wide = `<r><e ${Array.from({ length: 100_000 }, (_, i) => `a${i}="1"`).join(' ')}/></r>`;
  const children = `<r><e>${Array.from({ length: 100_000 }, (_, i) => `<a${i}/>`).join('')}</e></r>`;
  const megabytes = await memoryOf(async () => {
    expect(await failure(read('<a>'.repeat(200_000)))).toMatchObject({ code: 'limit.depth' });
    expect(await failure(readAll(long))).toMatchObject({ code: 'limit.field-bytes' });
    expect(await failure(readAll(attribute))).toMatchObject({ code: 'limit.field-bytes' });
    expect((await failure(read(wide))).code).toMatch(/^limit\./);
    expect(await failure(read(children))).toMatchObject({ code: 'limit.columns' });
  });
  expect(megabytes).toBeLessThan(200);
}, 30_000);

test('any records that a program writes as XML are read back cell by cell', async () => {
  const cell = fc
    .string({
      unit: fc.oneof(
        fc.constantFrom(...'<>&"\' ]甲😀\n\t'),
        fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }),
      ),
      maxLength: 10,
    })
    .filter((s) => s === '' || /\S/.test(s));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(cell, cell, cell), { minLength: 2, maxLength: 20 }), async (rows) => {
      const document = new DOMImplementation().createDocument(null, 'root');
      for (const [id, ...cells] of rows) {
        const row = document.createElement('row');
        row.setAttribute('id', id);
        cells.forEach((text, k) => {
          const child = document.createElement(`c${k}`);
          child.appendChild(document.createTextNode(text));
          row.appendChild(child);
        });
        document.documentElement?.appendChild(row);
      }
      const written = new XMLSerializer().serializeToString(document);
      const { rows: found, header } = await read(written);
      expect(header).toEqual(['id', 'c0', 'c1']);
      expect(found).toEqual(rows);
    }),
    { numRuns: 200 },
  );
});

test('no damage to XML makes reading hang or fail in an unnamed way', async () => {
  const base = '<?xml version="1.0"?><r><e a="1"><b>x &amp; y</b><![CDATA[z]]></e><!-- c --><e a="2"/></r>';
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(base.length), fc.nat(4), fc.constantFrom(...'<>&;"!?[]/=-a\0 ')), {
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

test('a document that ends early gives no row, wherever it was cut', async () => {
  const whole = `<r>${'<e a="1"><b>哈尔滨</b></e>\n'.repeat(50)}</r>`;
  for (const at of [whole.length - 1, whole.length - 4, whole.length - 10, 700, 20]) {
    expect(await failure(read(whole.slice(0, at)))).toMatchObject({ code: 'xml.invalid' });
  }
});

test('prefixes, CDATA, text among elements and wrapped answers are read as they are written', async () => {
  const soap =
    '<s:Envelope xmlns:s="u"><s:Body><q:Rows xmlns:q="v"><q:Row q:id="1"><q:n><![CDATA[<!DOCTYPE x>&amp;]]></q:n></q:Row></q:Rows></s:Body></s:Envelope>';
  expect(await read(soap)).toMatchObject({ header: ['q:id', 'q:n'], rows: [['1', '<!DOCTYPE x>&amp;']] });
  expect(await read('<r><e>one <b>two</b> three</e><e>x</e></r>')).toMatchObject({
    header: ['b', 'text'],
    rows: [
      ['two', 'one  three'],
      ['', 'x'],
    ],
  });
});

test('bytes that are not what is declared are read as what they are, in both directions', async () => {
  const gbk = Buffer.concat([
    Buffer.from('<?xml version="1.0" encoding="UTF-8"?><r><e a="'),
    Buffer.from('b9feb6fbb1f5cad0b5c0c0efc7f8', 'hex'),
    Buffer.from('"/><e a="x"/></r>'),
  ]);
  const { rows, table } = await read(gbk);
  expect([rows, table.encoding]).toEqual([[['哈尔滨市道里区'], ['x']], 'gb18030']);
  const utf8 = '<?xml version="1.0" encoding="UTF-16"?><r><e a="哈尔滨"/><e a="x"/></r>';
  expect((await read(utf8)).rows).toEqual([['哈尔滨'], ['x']]);
});

test('a path that is not there is answered with those that are', async () => {
  const { code, message } = await failure(read('<a><b><c>1</c><c>2</c></b><d/><d/></a>', { recordPath: '/z' }));
  expect([code, message]).toEqual(['records.missing', expect.stringMatching(/"\/a\/b\/c", "\/a\/d"/)]);
});
