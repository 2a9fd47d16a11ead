import { connect, createServer, type Server } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@songhua/runtime/testing';
import { Client } from 'pg';
import { endOf, type ReadOnceOptions, readOnce, rowsOf, typesOf } from './reading.js';
import { createAuthority } from './servers/certificates.js';
import { postgresFixture, type SqlFixture, trialOf } from './sql-fixtures.js';

let fixture: SqlFixture;
let client: Client;

beforeAll(async () => {
  fixture = await postgresFixture();
  client = await another();
});
afterAll(async () => {
  await client?.end();
  await fixture?.close();
});

const read = (extra: Record<string, unknown>, options: ReadOnceOptions = {}) =>
  readOnce(fixture.connector, { ...fixture.config, ...extra }, { secrets: fixture.secrets, ...options });

/** A connection of the department's own application. */
async function another(): Promise<Client> {
  const { host, port, database } = fixture.config as { host: string; port: number; database: string };
  const { username, password } = fixture.secrets;
  const opened = new Client({ host, port, database, user: username, password });
  await opened.connect();
  return opened;
}

describe('transactions', () => {
  const config = { table: 'late', cursor: { column: 'changed_at' } };
  const merge: ReadOnceOptions = { mode: 'merge', primaryKey: ['id'] };

  test('a row of a transaction that was open at the last read is found, however old its cursor value is', async () => {
    await client.query(
      "CREATE TABLE late (id int PRIMARY KEY, changed_at timestamptz); INSERT INTO late VALUES (1, '2026-11-01 10:00:00Z')",
    );
    const slow = await another();
    await slow.query('BEGIN');
    await slow.query("INSERT INTO late VALUES (2, '2026-10-01 00:00:00Z')");
    await client.query("INSERT INTO late VALUES (3, '2026-11-01 12:00:00Z')");
    const first = await read(config, merge);
    expect(
      rowsOf(first)
        .map(([id]) => id)
        .sort(),
    ).toEqual(['1', '3']);
    const again = await read(config, { ...merge, cursor: endOf(first).cursor });
    expect(typesOf(again)).toEqual(['unchanged']);
    await slow.query('COMMIT');
    await slow.end();
    const second = await read(config, { ...merge, cursor: endOf(first).cursor });
    expect(rowsOf(second).map(([id]) => id)).toContain('2');
    expect(typesOf(await read(config, { ...merge, cursor: endOf(second).cursor }))).toEqual(['unchanged']);
  });

  test('an update that leaves the cursor column as it was is found', async () => {
    const first = await read(config, merge);
    await client.query("UPDATE late SET changed_at = '2020-01-01 00:00:00Z' WHERE id = 1");
    const second = await read(config, { ...merge, cursor: endOf(first).cursor });
    expect(rowsOf(second)).toContainEqual(['1', '2020-01-01 00:00:00+00']);
  });

  test('transaction numbers of another server say nothing, so everything is read', async () => {
    const first = await read(config, merge);
    const moved = { ...endOf(first).cursor, horizon: '999999999999' };
    expect((await read(config, { ...merge, cursor: moved }))[0]).toMatchObject({ type: 'start', scope: 'all' });
  });

  test('all of a read is one state of the source', async () => {
    await client.query('CREATE TABLE moving AS SELECT g AS id FROM generate_series(1, 20000) g');
    const config = fixture.connector.configSchema.parse({ ...fixture.config, table: 'moving', batchRows: 100 });
    let rows = 0;
    for await (const message of fixture.connector.read({ ...trialOf(fixture, { table: 'moving' }), config })) {
      if (message.type === 'start') await client.query('DELETE FROM moving');
      if (message.type === 'rows') rows += message.rows;
    }
    expect(rows).toBe(20_000);
  });
});

test('cells keep the precision and the text of the source', async () => {
  await client.query(`SET timezone TO 'Asia/Shanghai'; CREATE TYPE mood AS ENUM ('calm');
    CREATE TABLE kinds (n numeric, big bigint, f8 float8, f4 real, yes boolean, ts timestamp, tz timestamptz, d date, t time, i interval,
      bytes bytea, j json, jb jsonb, arr text[], u uuid, m mood, txt text, missing text, empty text)`);
  await client.query(`INSERT INTO kinds VALUES (12345678901234567890.123456789000, 9007199254740993, 0.1, 0.1, true,
    '2026-11-01 10:00:00.123456', '2026-11-01 18:00:00.123456+08', '2026-11-01', '10:00:00.5', '1 day 02:03:04',
    '\\x00ff', '{"b": 1, "a": 1.10}', '{"b": 1, "a": 1.10}', '{"a,b",NULL,"c\\"d"}', '00000000-0000-0000-0000-00000000000A', 'calm',
    E'line 1\\nline "2", 表', NULL, '')`);
  expect(rowsOf(await read({ table: 'kinds' }))).toEqual([
    [
      '12345678901234567890.123456789000',
      '9007199254740993',
      '0.1',
      '0.1',
      'true',
      '2026-11-01 10:00:00.123456',
      '2026-11-01 10:00:00.123456+00',
      '2026-11-01',
      '10:00:00.5',
      'P1DT2H3M4S',
      '00ff',
      '{"b": 1, "a": 1.10}',
      '{"a": 1.10, "b": 1}',
      '{"a,b",NULL,"c\\"d"}',
      '00000000-0000-0000-0000-00000000000a',
      'calm',
      'line 1\nline "2", 表',
      '',
      '',
    ],
  ]);
});

describe('faults', () => {
  test('a wrong password is denied, and the message does not hold it', async () => {
    const secrets = { ...fixture.secrets, password: 'canary-7f3a' };
    const failed = await read({ table: 'late' }, { secrets }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'source.denied', actor: 'department', retryable: false });
    expect(JSON.stringify(failed) + String((failed as Error).message)).not.toContain('canary-7f3a');
  });

  test('a table that the user may not read is denied; columns that are granted are read', async () => {
    await client.query(`CREATE TABLE guarded (id int, name text, salary int); INSERT INTO guarded VALUES (1, 'a', 9);
      DROP ROLE IF EXISTS songhua_reader; CREATE ROLE songhua_reader LOGIN PASSWORD 'reader'`);
    const secrets = { username: 'songhua_reader', password: 'reader' };
    await expect(read({ table: 'guarded' }, { secrets })).rejects.toMatchObject({ code: 'source.denied' });
    await expect(fixture.connector.test({ ...trialOf(fixture, { table: 'guarded' }), secrets })).rejects.toMatchObject({
      code: 'source.denied',
    });
    await client.query('GRANT SELECT (id, name) ON guarded TO songhua_reader');
    expect(rowsOf(await read({ table: 'guarded', columns: ['id', 'name'] }, { secrets }))).toEqual([['1', 'a']]);
    const increments = { table: 'guarded', columns: ['id', 'name'], cursor: { column: 'id' } };
    const merge: ReadOnceOptions = { secrets, mode: 'merge', primaryKey: ['id'] };
    const first = endOf(await read(increments, merge)).cursor;
    // Who wrote a row is told to those who may read all of it, or the column that says so.
    expect(first).not.toHaveProperty('horizon');
    await client.query('GRANT SELECT (xmin) ON guarded TO songhua_reader');
    expect(endOf(await read(increments, merge)).cursor).toHaveProperty('horizon');
    await client.query('DROP OWNED BY songhua_reader; DROP ROLE songhua_reader');
  });

  test('a database that is not there is missing', async () => {
    await expect(read({ database: 'nowhere', table: 'late' })).rejects.toMatchObject({
      code: 'source.missing',
      actor: 'department',
    });
  });

  test.each([
    ['pg_sleep', 'SELECT 1 AS a, pg_sleep(600)'],
    [
      'an endless recursion',
      'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT count(*) AS n FROM r',
    ],
  ])('%s ends with the time limit', async (_, query) => {
    await expect(read({ query }, { timeoutMs: 300 })).rejects.toMatchObject({ code: 'source.timeout' });
  });

  test('programs of the server and writing functions are not run', async () => {
    await expect(read({ query: "COPY late FROM PROGRAM 'touch /tmp/x'" })).rejects.toMatchObject({
      code: 'connector.config-invalid',
    });
    await expect(
      read({ query: 'WITH gone AS (DELETE FROM late RETURNING id) SELECT * FROM gone' }),
    ).rejects.toMatchObject({ code: 'connector.config-invalid' });
    await expect(read({ query: "SELECT nextval('counter') AS n FROM (SELECT 1) x" })).rejects.toMatchObject({
      code: 'source.missing',
    });
    await client.query('CREATE SEQUENCE counter');
    await expect(read({ query: "SELECT nextval('counter') AS n" })).rejects.toMatchObject({
      code: 'connector.config-invalid',
    });
  });

  test('a connection that is cut in the middle is a failure that is tried again', async () => {
    await client.query(
      "CREATE TABLE long AS SELECT g AS id, repeat('x', 500) AS text FROM generate_series(1, 60000) g",
    );
    const reading = (async () => {
      for await (const message of fixture.connector.read(trialOf(fixture, { table: 'long' })))
        if (message.type === 'rows')
          await client.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'songhua' AND datname = current_database()",
          );
    })();
    await expect(reading).rejects.toMatchObject({ code: 'source.failed', retryable: true });
  });

  test('a server that is not there is unreachable', async () => {
    await expect(read({ port: 9, table: 'late' })).rejects.toMatchObject({
      code: 'source.unreachable',
      retryable: true,
    });
  });

  test('no connection of a read is left, also of one that is left in the middle', async () => {
    for await (const message of fixture.connector.read(trialOf(fixture, { table: 'long' })))
      if (message.type === 'rows') break;
    await waitFor('the connections to end', async () => {
      const { rows } = await client.query(
        "SELECT 1 FROM pg_stat_activity WHERE application_name = 'songhua' AND datname = current_database()",
      );
      return rows.length === 0;
    });
  });
});

describe('a server that speaks the protocol but lacks what PostgreSQL added since', () => {
  // What openGauss, KingbaseES, Greenplum and Redshift do not all have; as long as their stand-ins, so that messages keep their lengths.
  const LACKS = ['attidentity', 'array_position', 'pg_current_snapshot', 'statement_timeout', 'timezone', 'REPEATABLE'];
  let server: Server;
  let port: number;
  beforeAll(async () => {
    server = createServer((socket) => {
      const behind = connect({ host: '127.0.0.1', port: fixture.config.port as number });
      for (const end of [socket, behind]) end.on('error', () => undefined);
      socket.on('data', (data) => {
        const text = LACKS.reduce(
          (said, word) => said.replaceAll(word, `${word.slice(0, -1)}Q`),
          data.toString('latin1'),
        );
        behind.write(Buffer.from(text, 'latin1'));
      });
      socket.on('close', () => behind.destroy());
      behind.pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
    await client.query(`CREATE SCHEMA spoken; CREATE TABLE spoken.items (id serial, kind int, at timestamptz, PRIMARY KEY (kind, id));
      INSERT INTO spoken.items VALUES (1, 1, '2025-11-01 10:00:00.000001Z')`);
  });
  afterAll(() => void server.close());

  test('is discovered by the standard catalog', async () => {
    const streams = await fixture.connector.discover(trialOf(fixture, { port, schema: 'spoken' }));
    expect(streams).toMatchObject([
      {
        name: 'spoken.items',
        key: ['kind', 'id'],
        types: { id: 'integer', kind: 'integer', at: 'datetime' },
        cursors: expect.arrayContaining(['id', 'at']),
      },
    ]);
    await expect(read({ port, schema: 'spoken', table: 'item' })).rejects.toMatchObject({
      details: { near: ['items'] },
    });
  });

  test('is read from the cursor on by the overlap alone, and never written to', async () => {
    const config = { port, schema: 'spoken', table: 'items', cursor: { column: 'at' } };
    const merge: ReadOnceOptions = { mode: 'merge', primaryKey: ['id'] };
    const first = await read(config, merge);
    expect(endOf(first).cursor).toMatchObject({ value: '2025-11-01 10:00:00.000001+00' });
    expect(endOf(first).cursor).not.toHaveProperty('horizon');
    await client.query("INSERT INTO spoken.items VALUES (2, 1, '2025-11-01 09:59:00Z')");
    expect(rowsOf(await read(config, { ...merge, cursor: endOf(first).cursor })).map(([id]) => id)).toEqual(['2', '1']);
    const query = "SELECT nextval('spoken.items_id_seq') AS n";
    await expect(read({ port, query })).rejects.toMatchObject({ code: 'connector.config-invalid' });
  });
});

describe('TLS', () => {
  let server: Server;
  let ca: string;
  let port: number;
  let offers = true;
  const SSL_REQUEST_BYTES = 8;

  // The test's server speaks no TLS, so this one answers its request and passes the rest on.
  beforeAll(async () => {
    const authority = await createAuthority();
    const { cert, key } = await authority.issue([{ type: 'dns', value: 'localhost' }]);
    ca = authority.cert;
    server = createServer((socket) => {
      socket.once('data', (request) => {
        expect(request.length).toBe(SSL_REQUEST_BYTES);
        socket.write(offers ? 'S' : 'N');
        if (!offers) return;
        const secure = new TLSSocket(socket, { isServer: true, cert, key });
        const behind = connect({ host: '127.0.0.1', port: fixture.config.port as number });
        for (const end of [secure, behind]) end.on('error', () => undefined);
        secure.pipe(behind).pipe(secure);
      });
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
  });
  afterAll(() => void server.close());

  const secured = (tls: Record<string, unknown>) => read({ host: 'localhost', port, tls, query: 'SELECT 1 AS a' });

  test('a certificate of the given authority is accepted', async () => {
    expect(rowsOf(await secured({ mode: 'verify', ca }))).toEqual([['1']]);
  });

  test('a certificate of nobody, for another name, and a server without TLS are refused', async () => {
    await expect(secured({ mode: 'verify' })).rejects.toMatchObject({ code: 'source.refused' });
    await expect(secured({ mode: 'verify', ca, serverName: 'other.example' })).rejects.toMatchObject({
      code: 'source.refused',
    });
    offers = false;
    await expect(secured({ mode: 'verify', ca })).rejects.toMatchObject({
      code: 'source.refused',
      message: expect.stringContaining('TLS'),
    });
  });
});
