import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Cursor } from '@songhua/contracts';
import { endOf, type ReadOnceOptions, readOnce, rowsOf, typesOf } from './reading.js';
import { type SqlFixture, trialOf } from './sql-fixtures.js';

const T = '2026-11-01 10:00:00';
const MERGE: ReadOnceOptions = { mode: 'merge', primaryKey: ['id'] };

/** What every source that answers SQL must do, beside the conformance of a connector. */
export function testSqlSource(create: () => Promise<SqlFixture>): void {
  let fixture: SqlFixture;
  beforeAll(async () => {
    fixture = await create();
  });
  afterAll(() => fixture?.close());

  const read = (extra: Record<string, unknown>, options: ReadOnceOptions = {}) =>
    readOnce(fixture.connector, { ...fixture.config, ...extra }, { secrets: fixture.secrets, ...options });
  const insert = (...rows: [id: number, name: string, changedAt: string | null][]) =>
    fixture.execute(
      ...rows.map(
        ([id, name, changedAt]) =>
          `INSERT INTO items (id, name, changed_at) VALUES (${id}, '${name}', ${changedAt === null ? 'NULL' : `'${changedAt}'`})`,
      ),
    );
  const ids = (messages: Awaited<ReturnType<typeof read>>): string[] => rowsOf(messages).map(([id]) => id ?? '');
  /** A cursor as it comes back from the manifest or the catalog. */
  const cursorOf = (messages: Awaited<ReturnType<typeof read>>): Cursor =>
    JSON.parse(JSON.stringify(endOf(messages).cursor)) as Cursor;

  const items = { table: 'items', columns: ['id', 'name', 'changed_at'] };
  const changes = { ...items, cursor: { column: 'changed_at' } };

  beforeEach(async () => {
    const { time } = fixture;
    await fixture.execute(
      'DROP TABLE IF EXISTS items',
      `CREATE TABLE items (id integer PRIMARY KEY, name varchar(100), changed_at ${time}, deleted_at ${time})`,
    );
  });

  describe('cursors', () => {
    test('rows that share the largest cursor value are never lost, whatever their keys', async () => {
      await insert([5, 'a', T], [6, 'b', T]);
      const first = await read({ ...changes, cursor: { column: 'changed_at', overlap: 0 } }, MERGE);
      expect(ids(first)).toEqual(['5', '6']);
      await insert([1, 'late', T]);
      const second = await read(
        { ...changes, cursor: { column: 'changed_at', overlap: 0 } },
        { ...MERGE, cursor: cursorOf(first) },
      );
      expect(ids(second)).toContain('1');
      expect(second[0]).toMatchObject({ scope: 'part' });
      const third = await read(
        { ...changes, cursor: { column: 'changed_at', overlap: 0 } },
        { ...MERGE, cursor: cursorOf(second) },
      );
      expect(typesOf(third)).toEqual(['unchanged']);
    });

    test('a key that grows among equal values leaves out what was read', async () => {
      const config = { ...changes, cursor: { column: 'changed_at', key: 'id', overlap: 0 } };
      await insert([1, 'a', T], [2, 'b', T]);
      const first = await read(config, MERGE);
      await insert([3, 'c', T], [4, 'd', '2026-11-01 11:00:00']);
      const second = await read(config, { ...MERGE, cursor: cursorOf(first) });
      expect(ids(second)).toEqual(expect.arrayContaining(['3', '4']));
      expect(typesOf(await read(config, { ...MERGE, cursor: cursorOf(second) }))).toEqual(['unchanged']);
    });

    test('a row that is committed late, behind the largest value, is found', async () => {
      await insert([1, 'a', T]);
      const first = await read(changes, MERGE);
      await insert([2, 'late', '2026-11-01 09:57:00']);
      const second = await read(changes, { ...MERGE, cursor: cursorOf(first) });
      expect(ids(second)).toContain('2');
      expect(typesOf(await read(changes, { ...MERGE, cursor: cursorOf(second) }))).toEqual(['unchanged']);
    });

    test('cursor values keep their microseconds', async () => {
      const config = { ...changes, cursor: { column: 'changed_at', overlap: 0 } };
      await insert([1, 'a', `${T}.123456`], [2, 'b', `${T}.123457`]);
      const first = await read(config, MERGE);
      expect(cursorOf(first).value).toContain('10:00:00.123457');
      await insert([3, 'c', `${T}.123458`]);
      const second = await read(config, { ...MERGE, cursor: cursorOf(first) });
      expect(ids(second)).toContain('3');
      expect(ids(second)).not.toContain('1');
    });

    test('rows without a cursor value are always read', async () => {
      await insert([1, 'a', T], [2, 'b', null]);
      const first = await read(changes, MERGE);
      expect(ids(first).sort()).toEqual(['1', '2']);
      await insert([3, 'c', null]);
      const second = await read(changes, { ...MERGE, cursor: cursorOf(first) });
      expect(ids(second)).toEqual(expect.arrayContaining(['2', '3']));
    });

    test.each([{ overlap: 0 }, { overlap: 0, key: 'id' }, {}])(
      'a row that is dated ahead of the clock keeps no other from being read, with %j',
      async (how) => {
        const config = { ...changes, cursor: { column: 'changed_at', ...how } };
        await insert([1, 'a', '2020-11-01 10:00:00'], [2, 'for ever', '9999-12-31 23:59:59']);
        const first = await read(config, MERGE);
        expect(ids(first).sort()).toEqual(['1', '2']);
        await insert([3, 'b', '2020-11-01 11:00:00']);
        const second = await read(config, { ...MERGE, cursor: cursorOf(first) });
        expect(second[0]).toMatchObject({ scope: 'part' });
        expect(ids(second)).toEqual(expect.arrayContaining(['2', '3']));
        const third = await read(config, { ...MERGE, cursor: cursorOf(second) });
        expect(typesOf(third)).toEqual(['unchanged']);
      },
    );

    test('where every row is dated ahead, what nobody changed is unchanged, and what was changed is read', async () => {
      await insert([1, 'a', '9999-12-31 23:59:59']);
      const first = await read(changes, MERGE);
      expect(typesOf(await read(changes, { ...MERGE, cursor: cursorOf(first) }))).toEqual(['unchanged']);
      await insert([2, 'b', '9999-01-01 00:00:00']);
      expect(ids(await read(changes, { ...MERGE, cursor: cursorOf(first) })).sort()).toEqual(['1', '2']);
    });

    test('a serial number is a cursor, compared as a number', async () => {
      const config = { ...items, cursor: { column: 'id' } };
      await insert([9, 'a', T], [10, 'b', T]);
      const first = await read(config, { mode: 'append' });
      expect(cursorOf(first).value).toBe('10');
      await insert([100, 'c', T]);
      const second = await read(config, { mode: 'append', cursor: cursorOf(first) });
      expect(ids(second)).toContain('100');
      expect(cursorOf(second).value).toBe('100');
    });

    test('a serial number whose row is committed after larger ones is found', async () => {
      const config = { ...items, cursor: { column: 'id', key: 'id' } };
      await insert([9, 'a', T], [12, 'b', T]);
      const first = await read(config, { mode: 'append' });
      await insert([10, 'late', T]);
      const second = await read(config, { mode: 'append', cursor: cursorOf(first) });
      expect(ids(second)).toContain('10');
      expect(typesOf(await read(config, { mode: 'append', cursor: cursorOf(second) }))).toEqual(['unchanged']);
    });

    test('an empty table that fills up is read, and a cursor of another table is none', async () => {
      const first = await read(changes, MERGE);
      expect(typesOf(first)).toEqual(['start', 'end']);
      await insert([1, 'a', T]);
      const second = await read(changes, { ...MERGE, cursor: cursorOf(first) });
      expect(ids(second)).toEqual(['1']);
      await fixture.execute(
        'DROP TABLE IF EXISTS others',
        'CREATE TABLE others (id integer, changed_at integer)',
        'INSERT INTO others VALUES (7, 1)',
      );
      const other = await read(
        { table: 'others', cursor: { column: 'changed_at' } },
        { ...MERGE, cursor: cursorOf(second) },
      );
      expect(ids(other)).toEqual(['7']);
      expect(other[0]).toMatchObject({ scope: 'all' });
    });

    test('everything is read again when the last full read is older than asked', async () => {
      const config = { ...changes, fullEvery: 'P1D' };
      await insert([1, 'a', T], [2, 'b', T]);
      const first = await read(config, MERGE);
      expect(first[0]).toMatchObject({ scope: 'all' });
      await fixture.execute('DELETE FROM items WHERE id = 1');
      const soon = await read(config, { ...MERGE, cursor: cursorOf(first) });
      if (soon[0]?.type === 'start') expect(soon[0].scope).toBe('part');
      const old = { ...cursorOf(first), fullAt: '2020-01-01T00:00:00.000Z' };
      const full = await read(config, { ...MERGE, cursor: old });
      expect(full[0]).toMatchObject({ scope: 'all' });
      expect(ids(full)).toEqual(['2']);
    });

    test('a range reads only itself and leaves the cursor', async () => {
      await insert(
        [1, 'a', '2026-01-01 00:00:00'],
        [2, 'b', '2026-02-01 00:00:00'],
        [3, 'c', '2026-03-01 00:00:00'],
        [4, 'd', null],
      );
      const cursor = cursorOf(await read(changes, MERGE));
      const range = { from: '2026-02-01', to: '2026-02-28' };
      const ranged = await read(changes, { ...MERGE, cursor, range });
      expect(ids(ranged)).toEqual(['2']);
      expect(ranged[0]).toMatchObject({ scope: 'part' });
      expect(cursorOf(ranged)).toEqual(cursor);
      await expect(read(items, { mode: 'full', range })).rejects.toMatchObject({ code: 'connector.config-invalid' });
    });

    test('rows that are marked as deleted are deletions, and left out where everything is read', async () => {
      const config = { ...changes, softDelete: { column: 'deleted_at' } };
      await insert([1, 'a', T], [2, 'b', T]);
      const first = await read(config, MERGE);
      expect(ids(first)).toEqual(['1', '2']);
      await fixture.execute(`UPDATE items SET deleted_at = '${T}', changed_at = '2026-11-01 10:05:00' WHERE id = 2`);
      const second = await read(config, { ...MERGE, cursor: cursorOf(first) });
      expect(second[0]).toMatchObject({ scope: 'part', operations: true });
      expect(rowsOf(second).map((row) => row.slice(0, 2))).toEqual(
        expect.arrayContaining([
          ['+', '1'],
          ['-', '2'],
        ]),
      );
      expect(ids(await read(config, MERGE))).toEqual(['1']);
      await expect(read(config, { mode: 'append' })).rejects.toMatchObject({ code: 'connector.config-invalid' });
    });

    test('what mode cdc needs is not a query', async () => {
      await expect(read(changes, { mode: 'cdc' })).rejects.toMatchObject({ code: 'connector.config-invalid' });
    });
  });

  describe('statements', () => {
    test('identifiers are quoted, whatever they hold', async () => {
      const { quote, execute } = fixture;
      const name = 'we"ird`; DROP TABLE items; -- 表\' x';
      const columns = ['a"b', 'c`d', 'select', "e'; --", '列 名'];
      await execute(
        `DROP TABLE IF EXISTS ${quote(name)}`,
        `CREATE TABLE ${quote(name)} (${columns.map((column) => `${quote(column)} integer`).join(', ')})`,
        `INSERT INTO ${quote(name)} VALUES (1, 2, 3, 4, 5)`,
      );
      const cursor = { column: 'a"b', key: 'c`d', overlap: 0 };
      const first = await read({ table: name, columns, cursor }, { mode: 'append' });
      expect(rowsOf(first)).toEqual([['1', '2', '3', '4', '5']]);
      await execute(`INSERT INTO ${quote(name)} VALUES (2, 2, 3, 4, 5)`);
      expect(
        rowsOf(await read({ table: name, columns, cursor }, { mode: 'append', cursor: cursorOf(first) })),
      ).toContainEqual(['2', '2', '3', '4', '5']);
      await execute(`DROP TABLE ${quote(name)}`);
      expect(typesOf(await read(items))).toEqual(['start', 'end']);
    });

    test.each([
      ['a second statement', 'SELECT 1 AS a; DROP TABLE items'],
      ['a way out of the parentheses', 'SELECT 1 AS a) x; DROP TABLE items; --'],
      ['a way out and a commit', 'SELECT 1 AS a) x; COMMIT; DROP TABLE items; SELECT * FROM (SELECT 1'],
      ['a deletion', 'DELETE FROM items'],
      ['a definition', 'DROP TABLE items'],
    ])('a query with %s changes nothing', async (_, query) => {
      await insert([1, 'a', T]);
      await expect(read({ query })).rejects.toMatchObject({ code: 'connector.config-invalid' });
      expect(ids(await read(items))).toEqual(['1']);
    });

    test('a query is read like a table, also with a comment or semicolon at its end', async () => {
      await insert([1, 'a', T], [2, 'b', '2026-11-01 10:10:00']);
      const query = 'SELECT id, name, changed_at FROM items -- all of them';
      const first = await read({ query, cursor: { column: 'changed_at' } }, MERGE);
      expect(ids(first)).toEqual(['1', '2']);
      await insert([3, 'c', '2026-11-01 10:20:00']);
      const second = await read({ query, cursor: { column: 'changed_at' } }, { ...MERGE, cursor: cursorOf(first) });
      expect(ids(second)).toContain('3');
      expect(ids(await read({ query: 'SELECT id FROM items;\n' }))).toHaveLength(3);
    });

    test('a view is read like a table', async () => {
      await insert([1, 'a', T]);
      await fixture.execute('DROP VIEW IF EXISTS seen', 'CREATE VIEW seen AS SELECT id, name, changed_at FROM items');
      const config = { table: 'seen', cursor: { column: 'changed_at' } };
      const first = await read(config, MERGE);
      expect(ids(first)).toEqual(['1']);
      await insert([2, 'b', T]);
      expect(ids(await read(config, { ...MERGE, cursor: cursorOf(first) }))).toContain('2');
      await fixture.execute('DROP VIEW seen');
    });

    test('a table or column that is not there is missing, with the names that were meant', async () => {
      await expect(read({ table: 'item' })).rejects.toMatchObject({
        code: 'source.missing',
        actor: 'department',
        message: expect.stringContaining('"items"'),
      });
      await expect(read({ table: 'items', columns: ['id', 'nam'] })).rejects.toMatchObject({
        code: 'source.missing',
        message: expect.stringContaining('"name"'),
      });
      await expect(read({ table: 'items', cursor: { column: 'changedat' } }, MERGE)).rejects.toMatchObject({
        code: 'source.missing',
        message: expect.stringContaining('"changed_at"'),
      });
    });
  });

  test('discover lists tables with key, types and cursors, the named one first', async () => {
    await fixture.execute('DROP TABLE IF EXISTS aaa', 'CREATE TABLE aaa (x varchar(10))');
    const discover = (extra: Record<string, unknown>) => fixture.connector.discover(trialOf(fixture, extra));
    const streams = await discover({});
    const names = streams.map(({ name }) => name.replace(/^.*\./, ''));
    expect(names).toEqual(expect.arrayContaining(['aaa', 'items']));
    const [first] = await discover({ table: 'items' });
    expect(first).toMatchObject({
      columns: [{ name: 'id' }, { name: 'name' }, { name: 'changed_at' }, { name: 'deleted_at' }],
      key: ['id'],
      types: { id: 'integer', name: 'string' },
    });
    expect(first?.cursors?.slice(0, 2)).toEqual(['changed_at', 'id']);
    await fixture.execute('DROP TABLE aaa');
  });

  test('discover tells for each table how it is read, and leaves out what steers another', async () => {
    await fixture.execute(
      'DROP TABLE IF EXISTS others',
      'CREATE TABLE others (x varchar(10))',
      "INSERT INTO others VALUES ('a')",
    );
    await insert([1, 'a', T]);
    const discover = (extra: Record<string, unknown>) => fixture.connector.discover(trialOf(fixture, extra));
    const readAs = async (extra: Record<string, unknown>, table: string) => {
      const found = (await discover(extra)).find(({ name }) => name.replace(/^.*\./, '') === table);
      const config = JSON.parse(JSON.stringify({ ...extra, ...found?.config })) as Record<string, unknown>;
      return rowsOf(await read(config));
    };
    for (const extra of [{}, { ...changes, softDelete: { column: 'deleted_at' } }, { query: 'SELECT id FROM items' }]) {
      expect(await readAs(extra, 'others')).toEqual([['a']]);
      expect((await readAs(extra, 'query' in extra ? 'query' : 'items'))[0]?.[0]).toBe('1');
    }
    await fixture.execute('DROP TABLE others');
  });
}
