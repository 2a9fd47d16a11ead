import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Connection, createConnection } from 'mysql2/promise';
import { type ReadOnceOptions, readOnce, rowsOf } from './reading.js';
import { createAuthority } from './servers/certificates.js';
import type { MariaDb } from './servers/mariadb.js';
import { mysqlFixture, type SqlFixture, trialOf } from './sql-fixtures.js';

let fixture: SqlFixture & { server: MariaDb };
let folder: string;
let ca: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songhua-mysql-tls-'));
  const authority = await createAuthority();
  const { cert, key } = await authority.issue([{ type: 'dns', value: 'localhost' }]);
  ca = authority.cert;
  await writeFile(join(folder, 'cert.pem'), cert);
  await writeFile(join(folder, 'key.pem'), key);
  fixture = await mysqlFixture([`--ssl-cert=${join(folder, 'cert.pem')}`, `--ssl-key=${join(folder, 'key.pem')}`]);
});
afterAll(async () => {
  await fixture?.close();
  await rm(folder, { recursive: true, force: true });
});

const read = (extra: Record<string, unknown>, options: ReadOnceOptions = {}) =>
  readOnce(fixture.connector, { ...fixture.config, ...extra }, { secrets: fixture.secrets, ...options });

const another = (): Promise<Connection> => {
  const { host, port, database } = fixture.config as { host: string; port: number; database: string };
  return createConnection({ host, port, database, user: fixture.server.username, password: fixture.server.password });
};

test('all of a read is one state of the source', async () => {
  await fixture.execute(
    'CREATE TABLE moving (id int PRIMARY KEY)',
    'INSERT INTO moving SELECT seq FROM seq_1_to_20000',
  );
  const config = fixture.connector.configSchema.parse({ ...fixture.config, table: 'moving', batchRows: 100 });
  let rows = 0;
  for await (const message of fixture.connector.read({ ...trialOf(fixture, { table: 'moving' }), config })) {
    if (message.type === 'start') await fixture.execute('DELETE FROM moving');
    if (message.type === 'rows') rows += message.rows;
  }
  expect(rows).toBe(20_000);
});

test('a row that is committed late, within the overlap, is found', async () => {
  const config = { table: 'late', cursor: { column: 'changed_at', overlap: 600 } };
  const merge: ReadOnceOptions = { mode: 'merge', primaryKey: ['id'] };
  await fixture.execute('CREATE TABLE late (id int PRIMARY KEY, changed_at datetime(6))');
  const slow = await another();
  await slow.query('START TRANSACTION');
  await slow.query("INSERT INTO late VALUES (1, '2026-11-01 10:00:00.000001')");
  await fixture.execute("INSERT INTO late VALUES (2, '2026-11-01 10:09:59')");
  const first = await read(config, merge);
  expect(rowsOf(first).map(([id]) => id)).toEqual(['2']);
  await slow.query('COMMIT');
  await slow.end();
  const end = first.at(-1);
  const second = await read(config, { ...merge, cursor: end?.type === 'end' ? end.cursor : undefined });
  expect(rowsOf(second).map(([id]) => id)).toContain('1');
});

test('cells keep the precision and the text of the source', async () => {
  await fixture.execute(
    `CREATE TABLE kinds (n decimal(40, 12), big bigint unsigned, f double, yes boolean, dt datetime(6), ts timestamp(6), d date, t time(3), y year,
      bytes varbinary(8), b blob, bits bit(10), j json, e enum('calm'), s set('a', 'b'), txt text, missing text, empty varchar(9)) CHARACTER SET gbk`,
    `INSERT INTO kinds VALUES (12345678901234567890.123456789, 18446744073709551615, 0.1, true, '2026-11-01 10:00:00.123456',
      '2026-11-01 10:00:00.123456', '2026-11-01', '-10:00:00.5', 2026, x'00ff', x'e4b8', b'1000000001', '{"b": 1, "a": 1.10}', 'calm', 'a,b',
      'line 1\\nline "2", 表', NULL, '')`,
  );
  const timestamp = expect.stringMatching(/^2026-\d\d-\d\d \d\d:\d\d:\d\d\.123456$/);
  expect(rowsOf(await read({ table: 'kinds' }))).toEqual([
    [
      '12345678901234567890.123456789000',
      '18446744073709551615',
      '0.1',
      '1',
      '2026-11-01 10:00:00.123456',
      timestamp,
      '2026-11-01',
      '-10:00:00.500',
      '2026',
      '00ff',
      'e4b8',
      '513',
      '{"b": 1, "a": 1.10}',
      'calm',
      'a,b',
      'line 1\nline "2", 表',
      '',
      '',
    ],
  ]);
});

test('a number beyond what floating point holds is still compared exactly', async () => {
  await fixture.execute(
    'CREATE TABLE wide (id bigint PRIMARY KEY)',
    'INSERT INTO wide VALUES (9007199254740992), (9007199254740993)',
  );
  const config = { table: 'wide', cursor: { column: 'id', key: 'id', overlap: 0 } };
  const first = await read(config, { mode: 'append' });
  await fixture.execute('INSERT INTO wide VALUES (9007199254740994)');
  const end = first.at(-1);
  const second = await read(config, { mode: 'append', cursor: end?.type === 'end' ? end.cursor : undefined });
  expect(rowsOf(second)).toEqual([['9007199254740994']]);
});

describe('faults', () => {
  test('a wrong password is denied, and the message does not hold it', async () => {
    const secrets = { ...fixture.secrets, password: 'canary-7f3a' };
    const failed = await read({ table: 'late' }, { secrets }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'source.denied', actor: 'department', retryable: false });
    expect(JSON.stringify(failed) + String((failed as Error).message)).not.toContain('canary-7f3a');
  });

  test('a table that the user may not read is denied', async () => {
    await fixture.execute(
      'CREATE TABLE guarded (id int)',
      "CREATE USER reader@'127.0.0.1' IDENTIFIED BY 'reader'",
      "GRANT SELECT ON source.late TO reader@'127.0.0.1'",
    );
    const secrets = { username: 'reader', password: 'reader' };
    await expect(read({ table: 'guarded' }, { secrets })).rejects.toMatchObject({ code: 'source.denied' });
    expect(rowsOf(await read({ table: 'late' }, { secrets }))).toHaveLength(2);
  });

  test('a database that is not there is missing', async () => {
    await expect(read({ database: 'nowhere', table: 'late' })).rejects.toMatchObject({ code: 'source.missing' });
  });

  test.each([
    ['SLEEP', 'SELECT SLEEP(600) AS a'],
    ['an endless product', 'SELECT COUNT(*) AS n FROM seq_1_to_1000000 a, seq_1_to_1000000 b'],
  ])('%s ends with the time limit', async (_, query) => {
    await expect(read({ query }, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'source.timeout' });
  });

  test('files of the server are not written', async () => {
    const path = join(folder, 'written');
    for (const query of [`SELECT 1 AS a INTO OUTFILE '${path}'`, `SELECT 1 AS a) x INTO OUTFILE '${path}' -- `])
      await expect(read({ query })).rejects.toMatchObject({ code: 'connector.config-invalid' });
  });

  test('a server that is restarted in the middle is a failure that is tried again, and then read', async () => {
    await fixture.execute(
      'CREATE TABLE lengthy (id int, text varchar(600))',
      "INSERT INTO lengthy SELECT seq, REPEAT('x', 500) FROM seq_1_to_60000",
    );
    let restarted = false;
    const reading = (async () => {
      for await (const message of fixture.connector.read(trialOf(fixture, { table: 'lengthy' }))) {
        if (message.type !== 'rows' || restarted) continue;
        restarted = true;
        await fixture.server.restart();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'source.failed', retryable: true });
    expect(rowsOf(await read({ table: 'lengthy' }))).toHaveLength(60_000);
  });
});

describe('TLS', () => {
  const secured = (tls: Record<string, unknown>, host = 'localhost') => read({ host, tls, query: 'SELECT 1 AS a' });

  test('a certificate of the given authority is accepted', async () => {
    expect(rowsOf(await secured({ mode: 'verify', ca }))).toEqual([['1']]);
    expect(rowsOf(await secured({ mode: 'verify', ca, serverName: 'localhost' }, '127.0.0.1'))).toEqual([['1']]);
  });

  test('a certificate of nobody, or for another name, is refused', async () => {
    await expect(secured({ mode: 'verify' })).rejects.toMatchObject({ code: 'source.refused' });
    await expect(secured({ mode: 'verify', ca }, '127.0.0.1')).rejects.toMatchObject({
      code: 'connector.config-invalid',
    });
    await expect(secured({ mode: 'verify', ca, serverName: 'other.example' })).rejects.toMatchObject({
      code: 'source.refused',
    });
  });
});
