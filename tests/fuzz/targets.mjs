import { crc32, deflateRawSync, gzipSync } from 'node:zlib';

/** An archive whose parts are right whatever is in them, so that changes reach what reads the parts. */
function archive(parts) {
  const files = [];
  const directory = [];
  let offset = 0;
  for (const [name, content] of Object.entries(parts)) {
    const data = Buffer.from(content);
    const packed = deflateRawSync(data, { level: 1 });
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(0x800, 2);
    head.writeUInt16LE(8, 4);
    head.writeUInt32LE(crc32(data), 10);
    head.writeUInt32LE(packed.length, 14);
    head.writeUInt32LE(data.length, 18);
    head.writeUInt16LE(Buffer.byteLength(name), 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    files.push(Buffer.from('PK\x03\x04', 'latin1'), head, Buffer.from(name), packed);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), head, rest, Buffer.from(name));
    offset += 30 + Buffer.byteLength(name) + packed.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(Object.keys(parts).length, 8);
  end.writeUInt16LE(Object.keys(parts).length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, listing, end]);
}

const NS = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const RELS = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
// Stands between the parts of a workbook's seed: sheet, texts, styles.
const PART = '\u0001';

function workbook(bytes) {
  const [sheet = '', texts = '', styles = '', book = ''] = bytes
    .toString('latin1')
    .split(PART)
    .map((part) => Buffer.from(part, 'latin1'));
  return archive({
    '[Content_Types].xml': '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    '_rels/.rels': `<Relationships><Relationship Id="a" Type="${RELS}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    'xl/workbook.xml':
      book.length > 0
        ? book
        : `<workbook xmlns="${NS}" xmlns:r="${RELS}"><sheets><sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships><Relationship Id="r1" Type="${RELS}/worksheet" Target="worksheets/s1.xml"/><Relationship Id="r2" Type="${RELS}/sharedStrings" Target="strings.xml"/><Relationship Id="r3" Type="${RELS}/styles" Target="styles.xml"/></Relationships>`,
    'xl/worksheets/s1.xml': sheet,
    'xl/strings.xml': texts,
    'xl/styles.xml': styles,
  });
}

const TABLES = [
  '代码,名称,金额\n001,"甲,乙",1.5\n002,"丙 ""丁""",\n003,戊,3\n',
  '2017年统计表\n单位：万元\n\n年份\t区\t值\n2017\t道里\t1\n2018\t南岗\t2\n合计\t\t3\n注：不含外县\n',
  "a;b;c\r\n'1';'x\r\ny';'3'\r\n'4';'it''s';'6'\r\n",
  'a|b\r1|2\r3|4\r',
  'a, b, c\n1, "2, 3", 4\n"\\"q\\"", 5, 6\n',
  'x||y\n1||2\n3||\n',
  '1,2,3\n4,5,6\n7,8\n9,,,\n',
];
const RECORDS = [
  '{"code":0,"data":[{"id":1,"名":"甲","n":12345678901234567890},{"id":"2","x":{"y":[1,2]},"n":null}]}',
  '{"id":1,"a":true}\n{"id":2,"b":"\\u4e2d\\ud83d\\ude00"}\n',
  '{"a":{"v":1},"b":{"v":2.50e3}}',
  '[[1,2],["x",null]]',
];
const DOCUMENTS = [
  '<?xml version="1.0" encoding="UTF-8"?><r><row id="1"><a>甲</a><b/></row><row id="2"><a>x &amp; y</a><a><![CDATA[<z>]]></a></row></r>',
  '<ns:list xmlns:ns="u"><ns:i><ns:k>1</ns:k></ns:i><ns:i><ns:k>2</ns:k><ns:m><n>3</n></ns:m></ns:i></ns:list>',
];
const SHEETS = [
  [
    `<worksheet xmlns="${NS}"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row><row r="2"><c r="A2" s="1"><v>43000.5</v></c><c r="B2" t="str"><f>A1</f><v>x</v></c></row><row r="4"><c r="A4" t="b"><v>1</v></c><c r="C4" t="e"><v>#N/A</v></c></row></sheetData><mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells></worksheet>`,
    `<sst xmlns="${NS}"><si><t xml:space="preserve"> 名 </t></si><si><r><t>a</t></r><r><t>b</t></r></si></sst>`,
    `<styleSheet xmlns="${NS}"><numFmts><numFmt numFmtId="200" formatCode="yyyy-mm-dd"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="200"/><xf numFmtId="10"/></cellXfs></styleSheet>`,
  ].join(PART),
];
const words = (...texts) => texts.map((text) => Buffer.from(text));
const texts = (list) => list.map((text) => Buffer.from(text));

/** What is fuzzed: inputs to begin with, words worth trying, how an input becomes a file, and what the reader is told. */
export const TARGETS = {
  delimited: {
    seeds: texts(TABLES),
    words: words(',', '"', '""', '\n', '\r\n', '\r', '\t', ';', '|', "'", '\\"', '\0', '注：', '合计', '\ufeff', ', '),
  },
  encodings: {
    seeds: [
      Buffer.from([0xb4, 0xfa, 0xc2, 0xeb, 0x2c, 0xc3, 0xfb, 0x0a, 0x31, 0x2c, 0x81, 0x30, 0x81, 0x30, 0x0a]),
      Buffer.from('\ufeff代码,名\r\n1,甲\r\n', 'utf16le'),
      Buffer.from('\ufeff代码,名\n1,甲\n', 'utf16le').swap16(),
      Buffer.from('a,b\n1,\xe9t\xe9\n', 'latin1'),
      ...texts(TABLES),
    ],
    words: [
      ...words(',', '\n', '中', '\ufeff', '\ufffd'),
      Buffer.from([0xff, 0xfe]),
      Buffer.from([0x81, 0x30]),
      Buffer.from([0xd8, 0x00]),
    ],
  },
  json: {
    seeds: texts(RECORDS),
    words: words(
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"',
      '\\',
      '\\u',
      '\\ud800',
      'null',
      'true',
      '-',
      '1e5',
      '"__proto__"',
      '\n',
      'NaN',
    ),
  },
  xml: {
    seeds: texts(DOCUMENTS),
    words: words(
      '<a>',
      '</a>',
      '<a/>',
      '<![CDATA[',
      ']]>',
      '<!--',
      '-->',
      '<?x?>',
      '&lt;',
      '&#0;',
      '&#x110000;',
      ' a="1"',
      '<!DOCTYPE',
      ' xmlns="u"',
      'encoding="gbk"',
    ),
  },
  workbook: {
    seeds: texts(SHEETS),
    words: words(
      PART,
      '<row>',
      '</row>',
      '<c>',
      '</c>',
      '<v>',
      '<f>',
      ' r="A1"',
      ' r="XFD1048576"',
      ' t="s"',
      ' t="n"',
      ' t="d"',
      ' s="1"',
      ' s="99"',
      '<is><t>',
      '-1',
      '1e308',
      'formatCode="[h]:mm"',
      'date1904="1"',
      '<mergeCell ref="A1:XFD9"/>',
    ),
    file: workbook,
  },
  archive: {
    seeds: [
      archive({ 'a.csv': TABLES[0], 'b.json': RECORDS[0] }),
      archive({ 'x/名.csv': TABLES[3] }),
      gzipSync(TABLES[0]),
      workbook(Buffer.from(SHEETS[0])),
    ],
    words: [
      ...words('PK\x03\x04', 'PK\x05\x06', '../', '/', '\\'),
      Buffer.from('PK\x01\x02', 'latin1'),
      Buffer.from([0x1f, 0x8b, 8, 0]),
      Buffer.from([0xff, 0xff, 0xff, 0xff]),
    ],
  },
  fixed: {
    seeds: texts(['001甲  12\n002乙乙34\n', 'abcdefgh\r\nijk\r\n']),
    words: words('\n', '\r', '甲', ' ', '\0', '\u3000'),
    options: { fixedWidth: { widths: [3, 2, 2] } },
  },
};
