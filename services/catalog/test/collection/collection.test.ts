import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { LaneReference } from '@songhua/contracts';
import * as fc from 'fast-check';
import { neededKeys } from './needed.js';
import { type Content, createProcesses, type Process } from './processes.js';
import { type CollectionWorld, createCollectionWorld, hours } from './world.js';

let world: CollectionWorld;
beforeAll(async () => {
  world = await createCollectionWorld();
}, 60_000);
afterEach(() => world.clear());
afterAll(() => world?.end());

// A piece of work takes an hour at most; what was just written stays for two.
const WORK = hours(1);
const RETENTION = {
  SONGHUA_GC_GRACE_HOURS: '2',
  SONGHUA_GC_LANDING_DAYS: '1',
  SONGHUA_GC_PUSH_DAYS: '1',
  SONGHUA_GC_SYNC_DAYS: '3',
  SONGHUA_GC_REJECTED_DAYS: '5',
  SONGHUA_GC_OUTBOX_DAYS: '3',
};
const AT_REST = Object.fromEntries(Object.keys(RETENTION).map((name) => [name, '0']));

const content = fc.record({
  text: fc.constantFrom('a', 'b', 'c', 'd'),
  rejected: fc.constantFrom(0, 0, 2),
  held: fc.constantFrom(false, false, true),
});
const which = fc.nat(5);
const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('read' as const), which, content }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('push' as const), content }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('take' as const), turn: fc.constantFrom(1, 2) }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('refresh' as const), which }) },
  {
    weight: 14,
    arbitrary: fc.record({ type: fc.constant('step' as const), which, times: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('kill' as const), which }) },
  { weight: 1, arbitrary: fc.constant({ type: 'recover' as const }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('decide' as const), which, approved: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('replay' as const), which }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('render' as const), which }) },
  { weight: 1, arbitrary: fc.constant({ type: 'announce' as const }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('wait' as const), hours: fc.constantFrom(0.3, 1.5, 30) }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('collect' as const), dryRun: fc.constantFrom(false, false, true) }),
  },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** One history of an estate of three connectors; throws at the first object that is missed. */
async function play(commands: readonly Command[]): Promise<void> {
  const { catalog, clock, rows } = world;
  await world.register('kept', {});
  await world.register('short', { mode: 'append', keep: 1 });
  await world.register('pushed', { kind: 'push', mode: 'append' });
  const processes = createProcesses(world);
  let alive: { work: Process; since: number }[] = [];
  const spawn = (work: Process): void => void alive.push({ work, since: clock.now });
  const pick = <T>(items: readonly T[], at: number): T | undefined => items[at % Math.max(items.length, 1)];
  const step = async (at: number, times: number): Promise<void> => {
    const chosen = pick(alive, at);
    for (let n = 0; chosen && n < times; n++)
      if ((await chosen.work.next()).done) {
        alive = alive.filter((one) => one !== chosen);
        return;
      }
  };
  const syncs = <T>(where: string) =>
    rows<T>(`SELECT s.id, c.name::text AS connector, s.dataset_id AS "datasetId", s.landing_attempt AS attempt, 1 AS bytes
      FROM sync s JOIN connector c ON c.id = s.connector_id WHERE ${where} ORDER BY s.id`);
  const assertNothingMissed = async (): Promise<void> => {
    const there = new Set(await world.keys());
    const missed = [...(await neededKeys(world))].filter(([key]) => !there.has(key));
    expect(missed).toEqual([]);
  };
  const recover = async (): Promise<void> => {
    const reading = await syncs<{ id: string }>(`s.state = 'reading'`);
    await catalog.syncs.giveBack(
      'test',
      reading.map(({ id }) => id),
    );
    await catalog.syncs.recoverDelivered(0, 0);
  };
  const announce = () => catalog.catalog.relay(1000, async () => undefined);

  for (const [at, one] of commands.entries()) {
    switch (one.type) {
      case 'read': {
        const [record] = await catalog.connectors.list({ names: [one.which % 2 ? 'kept' : 'short'] });
        if (record) await processes.enqueue(record, one.content as Content);
        break;
      }
      case 'push': {
        const [record] = await catalog.connectors.list({ names: ['pushed'] });
        if (record) spawn(processes.push(record, one.content as Content));
        break;
      }
      case 'take':
        for (const sync of await catalog.syncs.take('test', 2, 2, 3600)) spawn(processes.read(sync, one.turn));
        break;
      case 'refresh': {
        const found = pick(
          await syncs<LaneReference & { id: string }>(`s.state IN ('landed', 'refreshing')`),
          one.which,
        );
        if (found) spawn(processes.refresh({ ...found, sync: found.id }));
        break;
      }
      case 'step':
        await step(one.which, one.times);
        break;
      case 'kill':
        alive = alive.filter((each) => each !== pick(alive, one.which));
        break;
      case 'recover':
        await recover();
        break;
      case 'decide': {
        const found = pick(await syncs<{ id: string }>(`s.state = 'held'`), one.which);
        if (found) await catalog.holds.decide(found.id, { approved: one.approved, reason: 'r', by: 'test' });
        break;
      }
      case 'replay': {
        const found = pick(
          await syncs<{ id: string; connector: string }>(`s.id IN (SELECT sync_id FROM rejected_summary)`),
          one.which,
        );
        if (found) await processes.replay(found.id, found.connector);
        break;
      }
      case 'render': {
        const found = pick(
          await rows<{ name: string; number: number }>(
            'SELECT d.name::text AS name, v.number FROM version v JOIN dataset d ON d.id = v.dataset_id ORDER BY 1, 2',
          ),
          one.which,
        );
        if (found) spawn(processes.render(found.name, found.number));
        break;
      }
      case 'announce':
        await announce();
        break;
      case 'wait':
        clock.now += hours(one.hours);
        alive = alive.filter(({ since }) => clock.now - since <= WORK);
        break;
      case 'collect': {
        const before = one.dryRun ? await world.keys() : [];
        let turn = at;
        const between = one.dryRun ? undefined : () => step(turn++, 2);
        await world.collect({ dryRun: one.dryRun, retention: RETENTION, ...(between && { between }) });
        if (one.dryRun) expect(await world.keys()).toEqual(before);
        await assertNothingMissed();
      }
    }
  }
  // Everything comes to rest: processes are gone, what can be read again is, and the rest is done to its end or held.
  alive = [];
  for (let round = 0; round < 3; round++) {
    await recover();
    for (const sync of await catalog.syncs.take('test', 100, 100, 3600)) spawn(processes.read(sync, 1));
    while (alive.length > 0) await step(0, 99);
    for (const found of await syncs<LaneReference & { id: string }>(`s.state IN ('landed', 'refreshing')`)) {
      spawn(processes.refresh({ ...found, sync: found.id }));
      await step(0, 99);
    }
  }
  await announce();
  await assertNothingMissed();
  clock.now += hours(24 * 1000);
  for (let round = 0; round < 2; round++) await world.collect({ retention: AT_REST });
  expect((await world.keys()).sort()).toEqual([...(await neededKeys(world)).keys()].sort());
  expect(await catalog.audit.verify([])).toMatchObject({ ok: true });
}

const RUNS = Number(process.env.SONGHUA_TEST_COLLECTIONS ?? 25);

test('under any interleaving of refreshes, kills and collections nothing is missed, and at rest nothing else is left (I8)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 30, maxLength: 70 }), async (commands) => {
      await world.clear();
      await play(commands);
    }),
    { numRuns: RUNS },
  );
}, 1_200_000);
