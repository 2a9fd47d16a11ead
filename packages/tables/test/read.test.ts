import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { strFromU8, unzipSync } from 'fflate';
import type { NormalizeResult } from '../src/index.js';
import { type Bench, bench } from './harness.js';

let b: Bench;
let version: NormalizeResult;
let parquet: string;
beforeAll(async () => {
  b = bench();
  version = await b.refresh(
    ['id', 'name', 'price', 'day', 'at', 'big', 'open'],
    [
      ['1', '=SUM(A1)', '1.50', '2017-07-01', '2017-07-01 08:00:00', '9007199254740993', '是'],
      ['2', 'a,"b"\nc', '-2.25', '2017-07-02', '2017-07-01T08:00:00.250Z', '1', '否'],
      ['3', '', '', '', '', '', ''],
    ],
    { declared: [{ name: 'big', type: 'integer' }] },
  );
  parquet = version.files[0]?.path ?? '';
});
afterAll(() => b.close());

const render = async (format: 'csv' | 'ndjson' | 'xlsx', name = `x.${format}`): Promise<Buffer> => {
  const out = join(b.root, name);
  await b.tables.render(parquet, format, version.schema, out);
  return readFileSync(out);
};

test('CSV is RFC 4180 in UTF-8 with the values as they are', async () => {
  expect((await render('csv')).toString('utf8')).toBe(
    'id,name,price,day,at,big,open\n' +
      '1,=SUM(A1),1.50,2017-07-01,2017-07-01T08:00:00+08:00,9007199254740993,true\n' +
      '2,"a,""b""\nc",-2.25,2017-07-02,2017-07-01T16:00:00.250000+08:00,1,false\n' +
      '3,,,,,,\n',
  );
});

test('NDJSON has one object a row', async () => {
  const lines = (await render('ndjson')).toString('utf8').trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  expect(JSON.parse(lines[1] ?? '')).toEqual({
    id: 2,
    name: 'a,"b"\nc',
    price: '-2.25',
    day: '2017-07-02',
    at: '2017-07-01T16:00:00.250000+08:00',
    big: 1,
    open: false,
  });
});

test('only the workbook neutralizes formulas', async () => {
  const files = unzipSync(await render('xlsx'));
  const text = Object.values(files)
    .map((file) => strFromU8(file))
    .join('\n');
  expect(text).toContain('&apos;=SUM(A1)'.replace('&apos;', "'"));
  expect(text).toContain('9007199254740993');
});

test('the same version renders to the same bytes', async () => {
  for (const format of ['csv', 'ndjson', 'xlsx'] as const) {
    const sums = [await render(format, `1.${format}`), await render(format, `2.${format}`)].map((bytes) =>
      createHash('sha256').update(bytes).digest('hex'),
    );
    expect(sums[0]).toBe(sums[1]);
  }
});

test('rows are paged, filtered and sorted by known columns, and values are never SQL', async () => {
  const page = { limit: 10, offset: 0, where: {} };
  const sorted = await b.tables.rows(parquet, {
    ...page,
    sort: { column: 'price', descending: true },
    limit: 1,
    offset: 1,
  });
  expect(sorted).toMatchObject({ total: 3, rows: [{ id: 2, price: '-2.25', big: 1 }] });
  expect((await b.tables.rows(parquet, { ...page, where: { at: '2017-07-01T08:00:00+08:00' } })).rows).toEqual([
    {
      id: 1,
      name: '=SUM(A1)',
      price: '1.50',
      day: '2017-07-01',
      at: '2017-07-01T08:00:00+08:00',
      big: '9007199254740993',
      open: true,
    },
  ]);
  expect((await b.tables.rows(parquet, { ...page, where: { price: '1.5', open: 'true' } })).total).toBe(1);
  expect((await b.tables.rows(parquet, { ...page, where: { name: "' OR 1=1 --" } })).total).toBe(0);
  expect((await b.tables.rows(parquet, { ...page, where: { day: '' } })).total).toBe(1);
  await expect(b.tables.rows(parquet, { ...page, where: { 'id" OR 1=1 --': '1' } })).rejects.toMatchObject({
    code: 'rows.unknown-column',
  });
  expect(await b.tables.countRows(parquet)).toBe(3);
});
