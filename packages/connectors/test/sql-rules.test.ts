import { describe, expect, test } from '@jest/globals';
import { isDeleted } from '@songhua/connector-sdk';
import fc from 'fast-check';
import { damengDialect, oracleDialect, sqlserverDialect } from '../src/driver/dialects.js';
import { mysqlDialect } from '../src/mysql/dialect.js';
import { postgresDialect } from '../src/postgres/dialect.js';
import { durationMs } from '../src/sql/config.js';
import { createRowsDigest } from '../src/sql/digest.js';
import { cursorCandidates } from '../src/sql/discover.js';
import { assertEnclosed } from '../src/sql/enclosed.js';
import { lowerBound, presentBefore } from '../src/sql/overlap.js';
import { maximumStatement, readStatement, sourceOf } from '../src/sql/statement.js';
import type { SqlColumn, SqlDialect } from '../src/sql/types.js';

describe('the end of the present', () => {
  const now = new Date('2026-11-01T10:00:00Z');
  test.each([
    ['9999-12-31 23:59:59.5+00', '2026-11-01 10:00:00.5+00'],
    ['2026-11-01T10:00:01Z', '2026-11-01T10:00:00Z'],
    // Somewhere it is the next day already.
    ['2026-11-02 00:00:01', '2026-11-02 00:00:00'],
    ['2026-11-03', '2026-11-02'],
    ['infinity', '2026-11-01 10:00:00'],
    ['20260-11-01 10:00:00', '2026-11-01 10:00:00'],
  ])('lies before %s', (value, present) => expect(presentBefore(value, now)).toBe(present));

  test.each(['2026-11-01 10:00:00+00', '2026-11-01 23:59:59', '2026-11-02', '-infinity', '99999999', 'v9999-12-31'])(
    'does not lie before %s',
    (value) => expect(presentBefore(value, now)).toBeUndefined(),
  );
});

describe('where a read begins again', () => {
  test.each([
    ['2026-11-01 10:00:00.123456', undefined, '2026-11-01 09:55:00.123456'],
    ['2026-11-01T10:00:00.123456789Z', 60, '2026-11-01T09:59:00.123456789Z'],
    ['2026-03-01 00:00:00+00', 1, '2026-02-28 23:59:59+00'],
    ['2026-11-01', undefined, '2026-10-31'],
    ['2026-11-01 10:00:00', 0, '2026-11-01 10:00:00'],
    ['9007199254740993', 1, '9007199254740992'],
    ['10', undefined, '-990'],
    ['10', 0, '10'],
    ['1.5', 1, '0'],
    ['-1.5', 1, '-3'],
    ['01ARZ3NDEKTSV4RRFFQ69G5FAV', 5, '01ARZ3NDEKTSV4RRFFQ69G5FAV'],
    ['0000-00-00 00:00:00', undefined, '0000-00-00 00:00:00'],
  ])('%s less %s is %s', (value, overlap, bound) => {
    expect(lowerBound(value, overlap)).toBe(bound);
  });

  test('no whole number within the overlap is left out', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.nat({ max: 10_000 }), fc.nat({ max: 10_000 }), (value, overlap, back) => {
        const bound = BigInt(lowerBound(String(value), overlap));
        return back > overlap || value - BigInt(back) >= bound;
      }),
    );
  });

  test('no time within the overlap sorts before the bound', () => {
    const time = fc.date({ min: new Date('1000-01-01'), max: new Date('9000-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(time, fc.nat({ max: 100_000 }), fc.nat({ max: 100_000_000 }), (at, overlap, backMs) => {
        const text = (date: Date) => date.toISOString().replace('T', ' ').slice(0, 23);
        const earlier = new Date(at.getTime() - backMs);
        return backMs > overlap * 1000 || text(earlier) >= lowerBound(text(at), overlap);
      }),
    );
  });
});

describe('statements', () => {
  const column = (name: string, type: SqlColumn['type'], native: string): SqlColumn => ({ name, type, native });
  const of = (dialect: SqlDialect, native: string) => {
    const source = sourceOf({ schema: 's', table: 't' }, dialect);
    if (!source) throw new Error('no source');
    const cursor = column('c', 'datetime', native);
    const plan = {
      source,
      columns: [column('a', 'integer', 'INT'), cursor],
      cursor,
      key: column('k', 'integer', 'INT'),
      wanted: { news: { after: ['2026-11-01 10:00:00.123456', '7'] as [string, string] } },
      marked: { news: {} },
    };
    return [readStatement(plan, dialect), maximumStatement(plan, dialect)].map(({ text }) => text);
  };

  test.each([
    ['postgres', postgresDialect, 'TIMESTAMP'],
    ['mysql', mysqlDialect, 'DATETIME'],
    ['oracle', oracleDialect, 'TIMESTAMP'],
    ['dameng', damengDialect, 'TIMESTAMP'],
    ['sqlserver', sqlserverDialect, 'datetime2'],
  ] as const)('%s reads after a value and key in its own words', (_, dialect, native) => {
    expect(of(dialect, native)).toMatchSnapshot();
  });

  test('whatever an identifier holds, it stays one identifier', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        const unquoted = (quoted: string, end: string) => quoted.slice(1, -1).replaceAll(end + end, '');
        for (const [dialect, end] of [
          [postgresDialect, '"'],
          [mysqlDialect, '`'],
          [oracleDialect, '"'],
          [sqlserverDialect, ']'],
        ] as const)
          expect(unquoted(dialect.quote(name), end)).not.toContain(end);
      }),
    );
  });

  test.each([
    "SELECT ')' AS a",
    'SELECT (1) AS a -- )',
    'SELECT [a)] FROM t /* ) */',
    "SELECT 'it''s' AS a",
    'SELECT ";" AS a',
  ])('%s stays inside its parentheses', (query) => expect(() => assertEnclosed(query)).not.toThrow());

  test.each([
    'SELECT 1) x; DROP TABLE t --',
    'SELECT 1; SELECT 2',
    "SELECT 'open",
    'SELECT 1 /* open',
    'SELECT (1',
    'SELECT 1) + (1',
    'SELECT "a',
    'SELECT [a',
  ])('%s does not', (query) =>
    expect(() => assertEnclosed(query)).toThrow(expect.objectContaining({ code: 'connector.config-invalid' })),
  );
});

test('a digest of rows knows their number but not their order, and null from nothing', () => {
  const digest = (rows: (string | null)[][]) => {
    const made = createRowsDigest();
    for (const row of rows) made.add(row);
    return made.value();
  };
  expect(digest([['a'], ['b']])).toBe(digest([['b'], ['a']]));
  expect(digest([['a'], ['a']])).not.toBe(digest([['a']]));
  expect(digest([[null]])).not.toBe(digest([['']]));
  expect(digest([['a', 'b']])).not.toBe(digest([['ab', '']]));
});

test('durations of weeks to seconds are known, others are not', () => {
  expect(['P1D', 'PT6H', 'P1W', 'P1DT1M1S'].map(durationMs)).toEqual([86_400_000, 21_600_000, 604_800_000, 86_461_000]);
  for (const text of ['P', 'PT', 'P1M', '1D', 'P1.5D', '']) expect(durationMs(text)).toBeNaN();
});

test('of columns that only grow, change times come first', () => {
  const columns: SqlColumn[] = [
    { name: 'id', type: 'integer' },
    { name: 'create_time', type: 'datetime' },
    { name: 'birth', type: 'datetime' },
    { name: 'gmt_modified', type: 'datetime' },
    { name: 'name', type: 'string' },
  ];
  expect(cursorCandidates({ columns, key: ['id'], counted: [] })).toEqual([
    'gmt_modified',
    'id',
    'create_time',
    'birth',
  ]);
});

test('what marks a row as deleted is any value but those that say no, unless told', () => {
  expect([null, '', '0', 'false', 'N'].map((value) => isDeleted(value, { column: 'd' }))).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
  expect(['1', 'true', '2026-11-01'].map((value) => isDeleted(value, { column: 'd' }))).toEqual([true, true, true]);
  expect(['D', '1'].map((value) => isDeleted(value, { column: 'd', deleted: ['D'] }))).toEqual([true, false]);
});
