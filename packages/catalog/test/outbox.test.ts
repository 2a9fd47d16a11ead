import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { type Catalog, type ConnectorRecord, createCatalog } from '../src/index.js';
import { createTestDatabase, type TestDatabase } from '../src/testing.js';
import { applyEstate, deliver, landed, manifestKey, manifestOf, NO_REJECTED, publish } from './estate.js';

let database: TestDatabase;
let catalog: Catalog;
let connectors: ConnectorRecord[];

beforeAll(async () => {
  database = await createTestDatabase();
  catalog = createCatalog({ databaseUrl: database.url, poolSize: 16 });
  connectors = await applyEstate(catalog, 8);
});
afterAll(async () => {
  await catalog.close();
  await database.drop();
});

const positions = (changes: { position: string }[]): number[] => changes.map(({ position }) => Number(position));

test('a reader that has seen a position has seen every lower one, however many publish at once', async () => {
  const seen: number[] = [];
  let publishing = true;
  const reader = (async () => {
    let after = '0';
    for (let last = false; ; last = !publishing) {
      const changes = await catalog.estate.changes(after, 100);
      seen.push(...positions(changes));
      after = changes.at(-1)?.position ?? after;
      if (last && changes.length === 0) return;
    }
  })();
  for (let version = 1; version <= 3; version++) {
    const before = version > 1 ? { previous: { version: version - 1, content: `c${version - 1}` } } : {};
    const ready = [];
    for (const connector of connectors) {
      const sync = await deliver(catalog, connector, `slot-${version}`);
      await catalog.refreshes.begin(landed(sync));
      ready.push(manifestOf(sync, version, { content: `c${version}`, ...before }));
    }
    await Promise.all(ready.map((manifest) => catalog.refreshes.publish(manifest, manifestKey(manifest), NO_REJECTED)));
  }
  publishing = false;
  await reader;
  expect(seen).toEqual(positions(await catalog.estate.changes(undefined, 1000)));
  expect(seen).toHaveLength(24);
});

test('what could not be sent stays and is sent later, in order, once', async () => {
  await expect(
    catalog.estate.relay(10, async () => {
      throw new Error('Kafka is away');
    }),
  ).rejects.toThrow('Kafka is away');
  const sent: string[] = [];
  const relay = (): Promise<number | 'elsewhere'> =>
    catalog.estate.relay(10, async (events) => {
      sent.push(...events.map((event) => event.id));
    });
  expect([await relay(), await relay(), await relay(), await relay()]).toEqual([10, 10, 4, 0]);
  expect(sent).toEqual((await catalog.estate.changes(undefined, 100)).map(({ event }) => event.id));
});

test('while one process announces, another does not', async () => {
  await publish(catalog, connectors[0] as ConnectorRecord, 'slot-9', 4, 'c9', { version: 3, content: 'c3' });
  let other: number | 'elsewhere' | undefined;
  const one = await catalog.estate.relay(10, async () => {
    other = await catalog.estate.relay(10, async () => undefined);
  });
  expect([one, other]).toEqual([1, 'elsewhere']);
});

test('published versions, the outbox and the audit are never changed or removed', async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  for (const sql of [
    'UPDATE version SET rows = 0',
    'DELETE FROM version',
    'UPDATE outbox SET event = event',
    'DELETE FROM audit',
    'UPDATE audit SET actor = actor',
  ])
    await expect(client.query(sql)).rejects.toMatchObject({ code: '23000' });
  await client.end();
});

test('each audit row carries the hash of the one before it', async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ linked: boolean; total: string }>(
    `SELECT bool_and(prev_hash IS NOT DISTINCT FROM before AND hash = sha256(coalesce(before, '') || convert_to(
       jsonb_build_array(extract(epoch FROM at), actor, action, subject, detail)::text, 'UTF8'))) AS linked, count(*) AS total
     FROM (SELECT *, lag(hash) OVER (ORDER BY sequence) AS before FROM audit) a`,
  );
  expect(rows[0]).toMatchObject({ linked: true });
  expect(Number(rows[0]?.total)).toBeGreaterThan(25);
  await client.end();
});

test('listeners are woken by a commit', async () => {
  let woken = 0;
  const stop = catalog.listen('songhua_outbox', () => {
    woken++;
  });
  while (woken === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await publish(catalog, connectors[1] as ConnectorRecord, 'slot-9', 4, 'c9', { version: 3, content: 'c3' });
  while (woken < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  await stop();
});
