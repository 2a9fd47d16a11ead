import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Connector, SourceMessage } from '@songhua/connector-sdk';
import type { Cursor } from '@songhua/contracts';
import fc from 'fast-check';
import { createFileConnector, type FileConfig } from '../src/index.js';
import { endOf, readOnce, rowsOf, runsOf } from './reading.js';

let root: string;
let connector: Connector<FileConfig>;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'songhua-detection-'));
  connector = createFileConnector({ roots: [root] });
});
afterEach(() => rm(root, { recursive: true, force: true }));

const put = (name: string, content: string | Buffer): Promise<void> => writeFile(join(root, name), content);
const read = (path = 'a.csv', cursor?: Cursor, config: object = {}): Promise<SourceMessage[]> =>
  readOnce(connector, { path, ...config }, { cursor });
const warningsOf = (messages: SourceMessage[]): string[] =>
  (endOf(messages).warnings ?? []).map(({ code, message }) => `${code}: ${message}`);
const decisionsOf = (messages: SourceMessage[]) =>
  messages.flatMap((message) => (message.type === 'start' ? (message.decisions ?? []) : []));

/** Reads `before`, then `after` with what the first read remembers, and `after` without; the rows must be the same. */
async function change(before: string | Buffer, after: string | Buffer): Promise<SourceMessage[]> {
  await put('a.csv', before);
  const { cursor } = endOf(await read());
  await put('a.csv', after);
  const remembered = await read('a.csv', cursor);
  const fresh = await read();
  expect(rowsOf(remembered)).toEqual(rowsOf(fresh));
  expect(remembered[0]).toMatchObject({ columns: (fresh[0] as { columns?: unknown }).columns });
  expect(runsOf(remembered)).toEqual(runsOf(fresh));
  return remembered;
}

const LONG_CELL = 'x'.repeat(100);
const LONG = Array.from({ length: 6000 }, (_, i) => `${i};${i * 2};row ${i}`).join('\n');
// 学校,分数 / 一中,520 in GB 18030.
const GB18030 = Buffer.from('d1a7d0a32cb7d6cafd0ad2bbd6d02c3532300ab6fed6d02c3533300a', 'hex');

describe('what was found out about a file is remembered with the cursor', () => {
  test('and not found out again while the file begins with the same bytes', async () => {
    const messages = await change(`id;double;note\n${LONG}\n`, `id;double;note\n${LONG}\n6000;12000;new\n`);
    expect(warningsOf(messages)).toEqual([]);
    for (const what of ['dialect', 'header'])
      expect(decisionsOf(messages).find((decision) => decision.what === what)?.evidence).toMatch(/as before/);
    expect(rowsOf(messages).at(-1)).toEqual(['6000', '12000', 'new']);
  });

  test('for each file of a glob, so that only a new one is looked at', async () => {
    await put('s-1.csv', 'id;name\n1;x\n');
    const { cursor } = endOf(await read('s-*.csv'));
    await put('s-2.csv', 'id\tname\n2\ty\n');
    const messages = await read('s-*.csv', cursor);
    expect(rowsOf(messages)).toEqual([
      ['1', 'x'],
      ['2', 'y'],
    ]);
    expect(warningsOf(messages)).toEqual([expect.stringMatching(/^source.reading-changed: s-2.csv .*";" → "\\t"/)]);
  });

  test('and survives a check that finds the same content', async () => {
    await put('a.csv', 'id;name\n1;x\n');
    const { cursor } = endOf(await read());
    const [unchanged] = await read('a.csv', cursor);
    expect(unchanged).toMatchObject({ type: 'unchanged', validators: { detections: [{ delimiter: ';' }] } });
  });

  test('and holds no cell of the file', async () => {
    await put('a.csv', '姓名;电话\n张三;13800000000\n');
    expect(JSON.stringify(endOf(await read()).cursor)).not.toMatch(/张三|138/);
  });
});

describe('a file that is written otherwise than before is found out afresh and says what changed', () => {
  test('another delimiter', async () => {
    const [warning] = warningsOf(await change('id,name\n1,x\n2,y\n', 'id;name\n1;x\n2;y\n'));
    expect(warning).toMatch(/a\.csv .*delimiter: "," → ";" \(100 % of the first records have 2 field\(s\)\)/);
  });

  test('a preamble that grows by a line', async () => {
    const table = 'id,name,year\n1,x,2020\n2,y,2021\n';
    const [warning] = warningsOf(await change(`教育局\n${table}`, `教育局\n单位：人\n${table}`));
    expect(warning).toMatch(/preambleRows: 1 → 2/);
  });

  test('a renamed header is the schema guard’s to tell, and is read', async () => {
    const messages = await change('id,name\n1,x\n2,y\n', 'id,title\n1,x\n2,y\n');
    expect(messages[0]).toMatchObject({ columns: [{ name: 'id' }, { name: 'title' }] });
    expect(warningsOf(messages)).toEqual([]);
  });

  test('ASCII alone contradicts no encoding, and is forgotten by none', async () => {
    expect(warningsOf(await change('school,score\nNo 1,520\n', GB18030))).toEqual([]);
    await put('a.csv', GB18030);
    const first = endOf(await read());
    await put('a.csv', 'school,score\nNo 1,520\n');
    const second = endOf(await read('a.csv', first.cursor));
    await put('a.csv', Buffer.from('学校,分数\n一中,520\n'));
    const third = await read('a.csv', second.cursor);
    expect(rowsOf(third)).toEqual([['一中', '520']]);
    expect(warningsOf(third)).toEqual([expect.stringMatching(/encoding: "gb18030" → "utf-8"/)]);
  });

  test('GB 18030 behind a head of ASCII that is the same as before', async () => {
    const head = Buffer.from(`id;double;note\n${LONG}\n`);
    const messages = await change(
      head,
      Buffer.concat([head, Buffer.from('1;2;'), GB18030.subarray(0, 4), GB18030.subarray(5, 9)]),
    );
    expect(rowsOf(messages).at(-1)).toEqual(['1', '2', '学校分数']);
    expect(endOf(messages).cursor).toMatchObject({ detections: [{ encoding: 'gb18030' }] });
  });

  test('another format', async () => {
    const [warning] = warningsOf(await change('id,name\n1,x\n', '{"data":[{"id":1,"name":"x"}]}'));
    expect(warning).toMatch(/format: "delimited" → "json".*records: – → "\/data"/);
  });
});

test('what the config tells wins over what is remembered', async () => {
  await put('a.csv', 'id;name,x\n1;2,3\n');
  const { cursor } = endOf(await read());
  expect(rowsOf(await read('a.csv', cursor, { delimiter: ',' }))).toEqual([['1;2', '3']]);
});

test('a cursor whose memory is damaged is still a cursor', async () => {
  await put('a.csv', 'id;name\n1;x\n');
  const { cursor } = endOf(await read());
  const [message] = await read('a.csv', { ...cursor, detections: [{ file: 7 }] });
  expect(message?.type).toBe('unchanged');
});

test('the same bytes give the same rows whatever is remembered', async () => {
  const cell = fc.constantFrom('1', '2.5', '2024-01-02', 'x', '一中', 'a b', '10:30', '1,5', '"q"', '');
  const table = fc
    .record({
      delimiter: fc.constantFrom(',', ';', '\t', '|', ', '),
      preamble: fc.integer({ min: 0, max: 2 }),
      header: fc.boolean(),
      rows: fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 8 }),
      bulk: fc.boolean(),
    })
    .map(({ delimiter, preamble, header, rows, bulk }) => {
      const quoted = rows.map((row) => row.map((c) => (c.includes(delimiter[0] ?? ',') ? `"${c}"` : c)));
      const lines = [...(header ? [['id', 'name', 'note']] : []), ...quoted].map((row) => row.join(delimiter));
      const filler = bulk ? Array.from({ length: 700 }, (_, i) => [i, i * 3, LONG_CELL].join(delimiter)) : [];
      return [...Array.from({ length: preamble }, () => '教育局统计'), ...lines, ...filler, ''].join('\n');
    });
  // A tail changes no head of a long table: that is where memory is used.
  const next = fc.oneof(
    table.map((text) => (_: string) => text),
    fc.constantFrom('1;2;3\n', '一,二,三\n', '\n').map((tail) => (text: string) => text + tail),
  );
  await fc.assert(
    fc.asyncProperty(table, next, async (before, after) => {
      await change(before, after(before));
    }),
    { numRuns: 60 },
  );
});
