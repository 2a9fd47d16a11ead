import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { applyMigrations, type Catalog, createCatalog } from '../src/index.js';
import { listMigrations } from '../src/migrations/sources.js';

const name = `songhua_upgrade_${process.pid}_${randomBytes(4).toString('hex')}`;
const admin = process.env.SONGHUA_TEST_DATABASE_URL ?? '';
const url = Object.assign(new URL(admin), { pathname: `/${name}` }).href;
let catalog: Catalog | undefined;
// As the layout before revisions named them.
const EARLIER: [string, string][] = [
  ['0001_estate.sql', '20261101000001_estate'],
  ['0002_syncs.sql', '20261101000002_syncs'],
  ['0003_versions.sql', '20261101000003_versions'],
  ['0004_events.sql', '20261101000004_outbox_audit_renders'],
  ['0008_backfill.sql', '20261101000008_backfills'],
];

const run = async (at: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> => {
  const client = new pg.Client({ connectionString: at });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
};

beforeAll(() => run(admin, (client) => client.query(`CREATE DATABASE ${name}`)));
afterAll(async () => {
  await catalog?.close();
  await run(admin, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`));
});

test('a system from before revisions goes on: what ran runs, paused stays paused, secrets leave the specs', async () => {
  await run(url, async (client) => {
    await client.query('CREATE TABLE migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())');
    for (const [earlier, name] of EARLIER) {
      const { text } = listMigrations().find((one) => one.name === name) as { text: string };
      await client.query(text);
      await client.query('INSERT INTO migration (name) VALUES ($1)', [earlier]);
    }
    // In that layout functions and triggers came with the tables.
    await client.query(`CREATE FUNCTION left_over() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER left_over BEFORE INSERT ON sync FOR EACH ROW EXECUTE FUNCTION left_over()`);
    await client.query(`INSERT INTO department (name, title, spec, revision) VALUES ('bureau', '局', '{"title": "局"}', 3);
      INSERT INTO domain (name, title, spec) VALUES ('health', '卫生', '{"title": "卫生"}');
      INSERT INTO dataset (id, name, title, department, domain, frequency, spec, search) VALUES ('ds_1', 'data', '数据', 'bureau',
        'health', 'DAILY', '{"title": "数据", "department": "bureau", "domain": "health"}', 'data');
      INSERT INTO connector (id, name, dataset_id, kind, mode, spec, paused, revision) VALUES
        ('cn_1', 'running', 'ds_1', 'http', 'full', '{"dataset": "data", "kind": "http", "secrets": {"token": {"value": "canary"}, "user": {"env": "SONGHUA_SECRET_U"}}}', false, 2),
        ('cn_2', 'resting', 'ds_1', 'file', 'full', '{"dataset": "data", "kind": "file", "secrets": {}}', true, 1)`);
  });
  const applied = await applyMigrations(url);
  expect(applied).toEqual(
    listMigrations()
      .map(({ name }) => name)
      .filter((name) => name > '20261101000008_backfills'),
  );
  await run(url, async (client) => {
    const { rows } = await client.query(`SELECT proname FROM pg_proc WHERE proname = 'left_over'`);
    expect(rows).toEqual([]);
  });
  catalog = createCatalog({ databaseUrl: url, poolSize: 2 });
  const [resting, running] = await catalog.connectors.list({});
  expect(running).toMatchObject({ name: 'running', state: 'approved', approved: 2, revision: 2 });
  expect(running?.spec.secrets).toEqual({ token: { stored: true }, user: { env: 'SONGHUA_SECRET_U' } });
  expect(await catalog.connectors.secrets('running', 2)).toEqual({ token: 'canary' });
  expect(resting).toMatchObject({ name: 'resting', state: 'paused', approved: 1 });
  expect(await catalog.resources.revisions('Department', 'bureau')).toMatchObject([
    { revision: 3, spec: { title: '局' } },
  ]);
  const changed = await catalog.estate.apply(
    [{ apiVersion: 'songhua/v1', kind: 'Department', metadata: { name: 'bureau' }, spec: { title: '新局' } }],
    'alice',
  );
  expect(changed.changes).toMatchObject([{ revision: 4, differences: [{ before: '局', after: '新局' }] }]);
});

test('a migration that is not the one that was applied is refused, and nothing changes', async () => {
  await run(url, (client) =>
    client.query(`UPDATE _prisma_migrations SET checksum = repeat('0', 64) WHERE migration_name LIKE '%_syncs'`),
  );
  await expect(applyMigrations(url)).rejects.toMatchObject({ code: 'catalog.migration-changed' });
});
