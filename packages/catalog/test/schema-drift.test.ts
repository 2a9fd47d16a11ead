import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { applyMigrations } from '../src/index.js';
import { listMigrations, listRoutines } from '../src/migrations/sources.js';
import { createTestDatabase, type TestDatabase } from '../src/testing.js';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const TYPES: Record<string, string> = {
  String: 'text',
  Int: 'integer',
  BigInt: 'bigint',
  Boolean: 'boolean',
  Json: 'jsonb',
  Bytes: 'bytea',
  DateTime: 'timestamp with time zone',
};

interface Model {
  columns: Record<string, string>;
  keys: string[];
  references: string[];
}

const columnsOf = (list: string, names: Map<string, string>): string =>
  list
    .split(',')
    .map((field) => names.get(field.trim()) ?? field.trim())
    .join(',');

/** Tables as schema.prisma declares them: columns with type and nullability, primary and unique keys, foreign keys. */
function declared(): Record<string, Model> {
  const text = readFileSync(join(__dirname, '..', 'prisma', 'schema.prisma'), 'utf8');
  const blocks = [...text.matchAll(/^model (\w+) \{\n([\s\S]*?)^\}/gm)].map(([, model = '', body = '']) => ({
    model,
    body,
  }));
  const tables = new Map(blocks.map(({ model, body }) => [model, /@@map\("(\w+)"\)/.exec(body)?.[1] ?? model]));
  const names = new Map(
    blocks.map(({ model, body }) => [
      model,
      new Map(
        [...body.matchAll(/^ {2}(\w+) +\w+.*$/gm)].map(([line, field = '']) => [
          field,
          /@map\("(\w+)"\)/.exec(line)?.[1] ?? field,
        ]),
      ),
    ]),
  );
  return Object.fromEntries(
    blocks.map(({ model, body }) => {
      const own = names.get(model) ?? new Map<string, string>();
      const found: Model = { columns: {}, keys: [], references: [] };
      for (const [line, field = '', type = '', many] of body.matchAll(/^ {2}(\w+) +(\w+)(\?|\[\])?.*$/gm)) {
        const sql = TYPES[type];
        const column = own.get(field) ?? field;
        if (sql) found.columns[column] = many === '[]' ? 'ARRAY' : sql + (many ? '' : ' not null');
        if (/ @id\b/.test(line)) found.keys.push(`p ${column}`);
        if (/ @unique\b/.test(line)) found.keys.push(`u ${column}`);
        const relation = /fields: \[([^\]]+)\], references: \[([^\]]+)\]/.exec(line);
        if (relation?.[1] && relation[2])
          found.references.push(
            `${columnsOf(relation[1], own)} -> ${tables.get(type)} ${columnsOf(relation[2], names.get(type) ?? new Map())}`,
          );
      }
      for (const [, kind, fields = ''] of body.matchAll(/@@(id|unique)\(\[([^\]]+)\]\)/g))
        found.keys.push(`${kind === 'id' ? 'p' : 'u'} ${columnsOf(fields, own)}`);
      return [tables.get(model), { ...found, keys: found.keys.sort(), references: found.references.sort() }];
    }),
  );
}

/** The same of the migrated database. */
async function migrated(): Promise<Record<string, Model>> {
  const columns = await client.query<{ table: string; column: string; type: string }>(
    `SELECT table_name AS table, column_name AS column, data_type || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END AS type
     FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT IN ('_prisma_migrations', 'applied_routines') ORDER BY ordinal_position`,
  );
  const constraints = await client.query<{
    table: string;
    kind: string;
    columns: string;
    target: string;
    others: string;
  }>(
    `SELECT c.conrelid::regclass::text AS table, c.contype AS kind, c.confrelid::regclass::text AS target,
       (SELECT string_agg(attname, ',' ORDER BY n) FROM unnest(c.conkey) WITH ORDINALITY k (attnum, n)
         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum) AS columns,
       (SELECT string_agg(attname, ',' ORDER BY n) FROM unnest(c.confkey) WITH ORDINALITY k (attnum, n)
         JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum) AS others
     FROM pg_constraint c WHERE c.connamespace = 'public'::regnamespace AND c.contype IN ('p', 'u', 'f')`,
  );
  const found: Record<string, Model> = {};
  for (const { table, column, type } of columns.rows) {
    found[table] ??= { columns: {}, keys: [], references: [] };
    found[table].columns[column] = type;
  }
  for (const { table, kind, columns: names, target, others } of constraints.rows) {
    if (kind === 'f') found[table]?.references.push(`${names} -> ${target} ${others}`);
    else found[table]?.keys.push(`${kind} ${names}`);
  }
  for (const model of Object.values(found)) {
    model.keys.sort();
    model.references.sort();
  }
  return found;
}

test('the migrations make the tables, columns, keys and references that schema.prisma declares, and no others', async () => {
  // A relation of one to one needs a unique key on its side to satisfy Prisma; the primary key beside it already says so.
  const impliedByPrimaryKey: Record<string, string> = { current_pointer: 'u dataset_id,number' };
  const expected = declared();
  for (const [table, key] of Object.entries(impliedByPrimaryKey)) {
    const model = expected[table];
    if (model) model.keys = model.keys.filter((found) => found !== key);
  }
  expect(await migrated()).toEqual(expected);
});

test('any number of processes may migrate at once, and again, and each migration is applied once', async () => {
  const other = await createTestDatabase();
  const again = await Promise.all(Array.from({ length: 4 }, () => applyMigrations(other.url)));
  expect(again).toEqual([[], [], [], []]);
  await other.drop();
});

test('each function, trigger and view is defined once, in the file of its aggregate, and in no migration', () => {
  const definition = /^CREATE (?:OR REPLACE )?(FUNCTION|TRIGGER|VIEW) (\w+)/gm;
  const defined = listRoutines().flatMap(({ text }) =>
    [...text.matchAll(definition)].map(([, kind, name]) => `${kind} ${name}`),
  );
  expect(defined.length).toBeGreaterThan(0);
  expect(defined.filter((name, at) => defined.indexOf(name) !== at)).toEqual([]);
  for (const { text } of listMigrations()) expect(text).not.toMatch(definition);
});

test('routines are applied again when their text changes, and only then', async () => {
  const other = await createTestDatabase();
  const on = new pg.Client({ connectionString: other.url });
  await on.connect();
  const since = async () => (await on.query('SELECT applied_at FROM applied_routines')).rows[0];
  const first = await since();
  await applyMigrations(other.url);
  expect(await since()).toEqual(first);
  await on.query(
    `UPDATE applied_routines SET hash = 'other'; CREATE FUNCTION gone() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
  );
  await applyMigrations(other.url);
  expect(await since()).not.toEqual(first);
  expect((await on.query(`SELECT 1 FROM pg_proc WHERE proname = 'gone'`)).rows).toEqual([]);
  await on.end();
  await other.drop();
});
