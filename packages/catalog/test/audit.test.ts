import { afterEach, beforeEach, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import pg from 'pg';
import { type ChainRow, chainHash, verifyChain } from '../src/audit-chain.js';
import { type Catalog, createCatalog } from '../src/index.js';
import { createTestDatabase, type TestDatabase } from '../src/testing.js';

let database: TestDatabase;
let catalog: Catalog;
let client: pg.Client;

beforeEach(async () => {
  database = await createTestDatabase();
  catalog = createCatalog({ databaseUrl: database.url, poolSize: 4 });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  for (let n = 1; n <= 9; n++)
    await catalog.audit.append('key:a', 'change', `Dataset/d${n}`, { revision: n, 名: '值' });
});
afterEach(async () => {
  await client.end();
  await catalog.close();
  await database.drop();
});

const tamper = (sql: string): Promise<void> => database.tamper('audit', sql);

test('an untouched log verifies to its head, against every head noted on the way', async () => {
  const head = await catalog.audit.head();
  expect(await catalog.audit.verify([head])).toEqual({ ok: true, count: 9, head, anchors: 1, bad: null });
});

test('rows are never changed or removed while the trigger stands', async () => {
  await expect(client.query(`UPDATE audit SET actor = 'x' WHERE sequence = 3`)).rejects.toThrow(/never changed/);
});

test('a row edited in place is named', async () => {
  await tamper(`UPDATE audit SET actor = 'key:b' WHERE sequence = 4`);
  expect(await catalog.audit.verify([])).toMatchObject({ ok: false, count: 3, bad: { sequence: 4, fault: 'edited' } });
});

test('a row edited and given a hash that fits is named by the row after it', async () => {
  await tamper(`UPDATE audit SET detail = '{}', hash = sha256(prev_hash ||
    convert_to(jsonb_build_array(extract(epoch FROM at), actor, action, subject, '{}'::jsonb)::text, 'UTF8')) WHERE sequence = 4`);
  expect(await catalog.audit.verify([])).toMatchObject({ ok: false, bad: { sequence: 4, fault: 'edited' } });
});

test('a removed row is named, the first one too', async () => {
  await tamper('DELETE FROM audit WHERE sequence = 6');
  expect(await catalog.audit.verify([])).toMatchObject({ ok: false, count: 5, bad: { sequence: 6, fault: 'removed' } });
  await tamper('DELETE FROM audit WHERE sequence = 1');
  expect(await catalog.audit.verify([])).toMatchObject({ ok: false, count: 0, bad: { sequence: 1, fault: 'removed' } });
});

test('two rows that changed places are named', async () => {
  await tamper('UPDATE audit SET sequence = -1 WHERE sequence = 5');
  await tamper('UPDATE audit SET sequence = 5 WHERE sequence = 7');
  await tamper('UPDATE audit SET sequence = 7 WHERE sequence = -1');
  expect(await catalog.audit.verify([])).toMatchObject({
    ok: false,
    count: 4,
    bad: { sequence: 5, fault: 'reordered' },
  });
});

test('a row that was given another number is named by the one it had, the last one too', async () => {
  await tamper('UPDATE audit SET sequence = 900 WHERE sequence = 9');
  expect(await catalog.audit.verify([])).toMatchObject({ ok: false, count: 8, bad: { sequence: 9, fault: 'edited' } });
  await tamper('UPDATE audit SET sequence = sequence + 5000');
  expect(await catalog.audit.verify([])).toMatchObject({ ok: false, count: 0, bad: { sequence: 1, fault: 'edited' } });
});

test('gaps from before numbers were without gaps are no fault', async () => {
  await tamper(`UPDATE audit SET sequence = sequence + 10 WHERE sequence > 5`);
  await client.query(
    `UPDATE _prisma_migrations SET finished_at = now() + interval '1 hour' WHERE migration_name = '20261101000010_access_keys'`,
  );
  expect(await catalog.audit.verify([])).toMatchObject({ ok: true, count: 9 });
});

test('rows cut off at the end are missed only by who noted the head', async () => {
  const head = await catalog.audit.head();
  await tamper('DELETE FROM audit WHERE sequence > 7');
  expect(await catalog.audit.verify([])).toMatchObject({ ok: true, count: 7 });
  expect(await catalog.audit.verify([head])).toMatchObject({
    ok: false,
    count: 7,
    bad: { sequence: 8, fault: 'truncated' },
  });
  await catalog.audit.append('key:a', 'change', 'Dataset/x', {});
  await catalog.audit.append('key:a', 'change', 'Dataset/x', {});
  expect(await catalog.audit.verify([head])).toMatchObject({ ok: false, bad: { sequence: 9, fault: 'edited' } });
});

test('numbers have no gaps although transactions are rolled back, and writers at once keep one chain', async () => {
  await client.query('BEGIN');
  await client.query(`SELECT audit_append('x', 'x', 'x', '{}')`);
  await client.query('ROLLBACK');
  await Promise.all(Array.from({ length: 40 }, (_, n) => catalog.audit.append('key:b', 'change', `Dataset/d${n}`, {})));
  expect(await catalog.audit.verify([])).toMatchObject({ ok: true, count: 49, head: { sequence: 49 } });
});

test('pages go backwards from the newest row and filter', async () => {
  const page = await catalog.audit.list({ actor: 'key:a', limit: 4 });
  expect(page.map((row) => row.sequence)).toEqual([9, 8, 7, 6]);
  expect((await catalog.audit.list({ before: 6, limit: 4 })).map((row) => row.sequence)).toEqual([5, 4, 3, 2]);
  expect(await catalog.audit.list({ subject: 'Dataset/d3', limit: 4 })).toMatchObject([
    { sequence: 3, actor: 'key:a', action: 'change', detail: { revision: 3, 名: '值' } },
  ]);
  expect(await catalog.audit.list({ until: page[0]?.at, limit: 50 })).toHaveLength(8);
});

test('whatever is done to one place of a chain, the verifier names a row at or before it, never after', async () => {
  const chain = (texts: string[]): ChainRow[] => {
    let prevHash: Buffer | null = null;
    return texts.map((said, index) => {
      const text = Buffer.from(said);
      const row: ChainRow = { sequence: index + 1, prevHash, text, hash: chainHash(prevHash, text) };
      prevHash = row.hash;
      return row;
    });
  };
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.string(), { minLength: 3, maxLength: 12 }),
      fc.nat(),
      fc.constantFrom('edit', 'remove', 'swap', 'none'),
      async (texts, at, how) => {
        const rows = chain(texts);
        const head = { sequence: rows.length, hash: rows.at(-1)?.hash.toString('hex') ?? '' };
        const index = at % (rows.length - 1);
        const row = rows[index] as ChainRow;
        const next = rows[index + 1] as ChainRow;
        if (how === 'edit') rows[index] = { ...row, text: Buffer.from(`${row.text}!`) };
        if (how === 'remove') rows.splice(index, 1);
        if (how === 'swap')
          rows.splice(index, 2, { ...next, sequence: row.sequence }, { ...row, sequence: next.sequence });
        async function* pages(): AsyncGenerator<ChainRow[]> {
          for (const one of rows) yield [one];
        }
        const verdict = await verifyChain(
          pages(),
          [head],
          async (hash) => rows.find((one) => one.hash.equals(hash))?.sequence,
        );
        const fault = { edit: 'edited', remove: 'removed', swap: 'reordered', none: undefined }[how];
        expect(verdict).toMatchObject({ ok: how === 'none', bad: fault ? { sequence: index + 1, fault } : null });
      },
    ),
  );
});
