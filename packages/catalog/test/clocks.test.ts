import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FREQUENCIES, type Frequency, freshness } from '@songhua/domain';
import fc from 'fast-check';
import pg from 'pg';
import { type Catalog, createCatalog } from '../src/index.js';
import { createTestDatabase, type TestDatabase } from '../src/testing.js';
import { applyEstate, deliver, enqueue, landed, publish, result } from './estate.js';

let database: TestDatabase;
let catalog: Catalog;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  catalog = createCatalog({ databaseUrl: database.url, poolSize: 4 });
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await catalog.close();
  await database.drop();
});

const NOW = new Date('2026-11-23T03:00:00Z');
const clock = fc.option(
  fc.integer({ min: 0, max: 5 * 366 * 86_400 }).map((age) => new Date(NOW.getTime() - age * 1000)),
);

test('freshness in the database is the freshness of the domain, for every promise and clock', async () => {
  const cases = fc.sample(
    fc.record({
      frequency: fc.constantFrom(...(Object.keys(FREQUENCIES) as Frequency[])),
      checkedAt: clock,
      dataChangedAt: clock,
      retired: fc.boolean(),
    }),
    3000,
  );
  // The edges themselves: exactly one period, a tenth more, two periods, and a second to each side.
  for (const [frequency, period] of Object.entries(FREQUENCIES) as [Frequency, number | null][])
    for (const factor of [1, 1.1, 2])
      for (const seconds of [-1, 0, 1])
        cases.push({
          frequency,
          checkedAt: null,
          dataChangedAt: new Date(NOW.getTime() - (Math.round((period ?? 60) * factor) + seconds) * 1000),
          retired: false,
        });
  const { rows } = await client.query<{ state: string }>(
    `SELECT freshness(e ->> 'frequency', (e ->> 'retired')::boolean, (e ->> 'checkedAt')::timestamptz,
       (e ->> 'dataChangedAt')::timestamptz, $2) AS state
     FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS x (e, position) ORDER BY position`,
    [JSON.stringify(cases), NOW],
  );
  const wrong = cases.flatMap(({ frequency, retired, ...clocks }, i) => {
    const expected = freshness(frequency, { ...clocks, sourceChangedAt: null, metadataChangedAt: null }, NOW, retired);
    return rows[i]?.state === expected ? [] : [{ frequency, retired, clocks, expected, found: rows[i]?.state }];
  });
  expect(wrong).toEqual([]);
});

test('clocks never go back, whatever syncs end in which way', async () => {
  const [connector] = await applyEstate(catalog, 1);
  if (!connector) throw new Error('no connector');
  const clocks = async () => (await catalog.catalog.dataset('data-0', new Date()))?.clocks;
  let version = 0;
  let slot = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('published', 'unchanged', 'checked', 'failed'), { maxLength: 6 }),
      async (steps) => {
        for (const step of steps) {
          const before = await clocks();
          const next = `slot-${slot++}`;
          if (step === 'published') {
            const previous = version > 0 ? { version, content: `c${version}` } : undefined;
            version++;
            await publish(catalog, connector, next, version, `c${version}`, previous);
          } else if (step === 'checked') {
            await enqueue(catalog, [connector], next);
            const [sync] = await catalog.syncs.take('a', 1, 1, 60);
            if (sync) await catalog.syncs.finish('a', [result(sync, 'unchanged')]);
          } else {
            const sync = await deliver(catalog, connector, next);
            const state = step === 'unchanged' && version > 0 ? ('unchanged' as const) : ('failed' as const);
            const reason = { code: 'x.y', message: 'm', actor: 'platform' as const, retryable: false };
            await catalog.refreshes.finish(
              landed(sync),
              { sync: sync.id, state, ...(state === 'failed' && { reason }) },
              {},
            );
          }
          const after = await clocks();
          for (const key of ['checkedAt', 'dataChangedAt', 'sourceChangedAt', 'metadataChangedAt'] as const)
            expect(Number(after?.[key])).toBeGreaterThanOrEqual(Number(before?.[key]));
          if (step === 'published') expect(Number(after?.dataChangedAt)).toBeGreaterThan(Number(before?.dataChangedAt));
          else expect(after?.dataChangedAt).toEqual(before?.dataChangedAt);
          if (step === 'failed') expect(after).toEqual(before);
        }
      },
    ),
    { numRuns: 15 },
  );
}, 60_000);
