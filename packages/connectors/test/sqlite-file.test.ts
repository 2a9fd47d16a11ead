import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { endOf, type ReadOnceOptions, readOnce, rowsOf } from './reading.js';
import { type SqlFixture, sqliteFixture, trialOf } from './sql-fixtures.js';

let fixture: SqlFixture & { path: string };

beforeAll(async () => {
  fixture = await sqliteFixture();
});
afterAll(() => fixture?.close());

const read = (extra: Record<string, unknown>, options: ReadOnceOptions = {}) =>
  readOnce(fixture.connector, { ...fixture.config, ...extra }, options);

test('cells keep the precision and the text of the source', async () => {
  await fixture.execute(
    'CREATE TABLE kinds (big integer, f real, whole real, bytes blob, txt text, missing text, empty text, anything)',
    `INSERT INTO kinds VALUES (9007199254740993, 0.1, 2.0, x'00ff', 'line 1' || char(10) || 'line "2", 表', NULL, '', 12.5)`,
  );
  expect(rowsOf(await read({ table: 'kinds' }))).toEqual([
    ['9007199254740993', '0.1', '2', '00ff', 'line 1\nline "2", 表', '', '', '12.5'],
  ]);
});

test('all of a read is one state, while another program writes to its write-ahead log', async () => {
  await fixture.execute(
    'CREATE TABLE moving (id integer PRIMARY KEY)',
    'INSERT INTO moving WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n',
  );
  const config = fixture.connector.configSchema.parse({ ...fixture.config, table: 'moving', batchRows: 100 });
  let rows = 0;
  for await (const message of fixture.connector.read({ ...trialOf(fixture, { table: 'moving' }), config })) {
    if (message.type === 'start') await fixture.execute('DELETE FROM moving');
    if (message.type === 'rows') rows += message.rows;
  }
  expect(rows).toBe(20_000);
});

test('reading leaves the file as it was', async () => {
  await expect(read({ query: 'SELECT 1 AS a' })).resolves.toBeDefined();
  for (const query of ["ATTACH 'other.db' AS o", 'PRAGMA journal_mode = DELETE', "SELECT load_extension('x') AS a"])
    await expect(read({ query })).rejects.toMatchObject({ code: 'connector.config-invalid' });
});

test('a serial number is compared as a number, also in a query that hides its type', async () => {
  await fixture.execute('CREATE TABLE serial (id)', 'INSERT INTO serial VALUES (9), (10)');
  const config = { query: 'SELECT id + 0 AS id FROM serial', cursor: { column: 'id' } };
  const first = await read(config, { mode: 'append' });
  await fixture.execute('INSERT INTO serial VALUES (100)');
  const second = await read(config, { mode: 'append', cursor: endOf(first).cursor });
  expect(rowsOf(second)).toContainEqual(['100']);
});

describe('what never ends', () => {
  const ENDLESS = 'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r)';

  test.each([
    ['a query without a row', `${ENDLESS} SELECT n FROM r WHERE n = 2`],
    [
      'a query that stops giving rows',
      `SELECT 1 AS n UNION ALL SELECT * FROM (${ENDLESS} SELECT n FROM r WHERE n = 2)`,
    ],
    ['a count', `${ENDLESS} SELECT count(*) AS n FROM r`],
  ])('%s ends with the time limit, and others go on meanwhile', async (_, query) => {
    let turns = 0;
    let done = false;
    const counting = (async () => {
      while (!done) {
        await nextTurn();
        turns++;
      }
    })();
    await expect(read({ query }, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'source.timeout' });
    done = true;
    await counting;
    expect(turns).toBeGreaterThan(100);
  });

  test('a view that the file brings along is no different', async () => {
    await fixture.execute(`CREATE VIEW endless AS ${ENDLESS} SELECT n FROM r WHERE n = 2`);
    await expect(read({ table: 'endless' }, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'source.timeout' });
  });

  test('a read that is not wanted any more is given up', async () => {
    const signal = AbortSignal.timeout(200);
    await expect(read({ query: `${ENDLESS} SELECT count(*) AS n FROM r` }, { signal })).rejects.toMatchObject({
      code: 'source.aborted',
    });
  });
});

describe('files', () => {
  test('one that is no database is unreadable', async () => {
    await writeFile(join(fixture.path, '..', 'text.db'), 'id,name\n1,a\n'.repeat(100));
    await expect(read({ path: 'text.db', table: 'items' })).rejects.toMatchObject({
      code: 'source.unreadable',
      actor: 'operator',
    });
  });

  test('one that is not there is missing and is not made', async () => {
    await expect(read({ path: 'none.db', table: 'items' })).rejects.toMatchObject({ code: 'source.missing' });
    await expect(read({ path: 'none.db', table: 'items' })).rejects.toMatchObject({ code: 'source.missing' });
  });

  test('one outside the allowed folders is refused', async () => {
    for (const path of ['/etc/passwd', '../source.db', 'source.db\0'])
      await expect(read({ path, table: 'items' })).rejects.toMatchObject({ code: 'connector.path-refused' });
  });

  test('a name with characters that mean something in addresses is found', async () => {
    const { default: Database } = await import('libsql');
    const database = new Database(join(fixture.path, '..', 'a b?mode=rw#%41 表.db'));
    database.exec('CREATE TABLE items (id integer); INSERT INTO items VALUES (7)');
    database.close();
    expect(rowsOf(await read({ path: 'a b?mode=rw#%41 表.db', table: 'items' }))).toEqual([['7']]);
  });
});
