import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { begin } from './history.js';
import { brokenBy, look } from './invariants.js';
import { type Operation, type OperationName, run } from './operations.js';
import { quiesce, wayOut } from './quiesce.js';
import { REGRESSIONS } from './regressions.js';
import { WAYS, type Way } from './source.js';
import { createWorld, type World } from './world.js';

const SHORT = 300;
const TELL_EVERY = 500;
// What is broken stays so; a look costs as much as an operation.
const LOOK_EVERY = 3;
const RUNS = Number(process.env.SONGHUA_MODEL_RUNS ?? SHORT);

let world: World;
beforeAll(async () => {
  world = await createWorld();
}, 120_000);
afterAll(async () => {
  if (RUNS > SHORT) await tellEnds();
  await world.close();
});

/** Of a long run: how many histories there were, and where their syncs ended. */
async function tellEnds(): Promise<void> {
  const { rows } = await world.database.query(
    'SELECT purpose, state, count(*)::integer AS syncs FROM sync GROUP BY 1, 2 ORDER BY 1, 2',
  );
  process.stderr.write(
    `${histories} histories\n${rows.map((row) => `${row.purpose} ${row.state} ${row.syncs}\n`).join('')}`,
  );
}
let histories = 0;

// How often each happens, beside the others.
const WEIGHTS: Record<OperationName, number> = {
  proceed: 60,
  start: 4,
  rest: 4,
  change: 2,
  enqueue: 3,
  take: 3,
  read: 4,
  killReader: 1,
  giveBack: 1,
  expire: 3,
  land: 2,
  loseMessage: 1,
  recoverDelivered: 1,
  recoverLanded: 2,
  begin: 2,
  work: 4,
  killWorker: 1,
  giveUp: 1,
  loseLane: 1,
  mend: 1,
  decide: 5,
  replay: 4,
  rollback: 2,
  cancel: 1,
  remove: 1,
  apply: 1,
  snapshot: 2,
  restore: 2,
};

const operation: fc.Arbitrary<Operation> = fc.tuple(
  fc.oneof(
    ...Object.entries(WEIGHTS).map(([name, weight]) => ({ weight, arbitrary: fc.constant(name as OperationName) })),
  ),
  fc.nat(15),
  fc.nat(15),
);

/** Runs a history to its end and looks after every so many operations; answers what must not be, and after which it was seen. */
async function broken(way: Way, operations: readonly Operation[], every = 1): Promise<string[]> {
  const history = await begin(world, way);
  const found: string[] = [];
  const check = async (after: string): Promise<void> => {
    if (found.length === 0)
      found.push(...brokenBy(history, await look(history)).map((what) => `after ${after}: ${what}`));
  };
  try {
    for (const [step, one] of operations.entries()) {
      if ((await run(history, one)) && step % every === 0) await check(`${step} ${one.join(' ')}`);
      if (found.length > 0) return found;
    }
    for (const end of [quiesce, wayOut]) {
      found.push(...(await end(history, check)));
      if (found.length > 0) return found;
    }
    return found;
  } finally {
    // What is left open would be taken by the next history.
    if (found.length > 0) await world.catalog.connectors.delete(history.connector.name, 'model');
  }
}

test.each(REGRESSIONS)('$name', async ({ way, operations }) => {
  expect(await broken(way, operations)).toEqual([]);
});

test(
  'whatever happens to a sync, in whatever order, the invariants hold and there is a way out',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...WAYS),
        fc.array(operation, { minLength: 5, maxLength: 60, size: 'max' }),
        async (way, operations) => {
          if (++histories % TELL_EVERY === 0) process.stderr.write(`${histories} histories\n`);
          const found = await broken(way, operations, LOOK_EVERY);
          // Of a long run the shortest is looked for long after the first was found.
          if (found.length > 0) process.stderr.write(`${JSON.stringify({ found, way, operations })}\n`);
          expect(found).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    );
  },
  RUNS * 3_000,
);
