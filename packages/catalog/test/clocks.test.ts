import { afterAll, beforeAll, expect, test } from '@jest/globals';
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

/** When the source says that it last changed: now this, now that. */
const statement = fc
  .date({ min: new Date('2020-01-01'), max: new Date('2026-01-01'), noInvalidDate: true })
  .map((at) => at.toISOString());

test('clocks never go back, whatever syncs end in which way', async () => {
  const [connector] = await applyEstate(catalog, 1);
  if (!connector) throw new Error('no connector');
  const clocks = async () => (await catalog.estate.dataset('data-0', new Date()))?.clocks;
  let version = 0;
  let slot = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom('published', 'unchanged', 'checked', 'failed'), fc.option(statement)), {
        maxLength: 6,
      }),
      async (steps) => {
        for (const [step, stated] of steps) {
          const before = await clocks();
          const next = `slot-${slot++}`;
          if (step === 'published') {
            const previous = version > 0 ? { version, content: `c${version}` } : undefined;
            version++;
            await publish(catalog, connector, next, version, `c${version}`, previous, stated);
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
              state === 'unchanged' ? { sourceChangedAt: stated } : {},
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
