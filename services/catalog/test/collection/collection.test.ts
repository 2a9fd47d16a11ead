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
// How far a piece of work comes at once: to its end, mostly.
const steps = fc.constantFrom(99, 99, 99, 99, 0, 1, 2, 3, 4, 5);
const of = <T extends string>(type: T) => ({ type: fc.constant(type) });
const command = fc.oneof(
  { weight: 8, arbitrary: fc.record({ ...of('read'), which, content, turn: fc.constantFrom(1, 1, 2), steps }) },
  { weight: 2, arbitrary: fc.record({ ...of('push'), content, steps }) },
  { weight: 2, arbitrary: fc.record({ ...of('take'), turn: fc.constantFrom(1, 2), steps }) },
  { weight: 9, arbitrary: fc.record({ ...of('refresh'), which, steps }) },
  { weight: 3, arbitrary: fc.record({ ...of('step'), which, steps }) },
  { weight: 1, arbitrary: fc.record({ ...of('kill'), which }) },
  { weight: 1, arbitrary: fc.record(of('recover')) },
  { weight: 2, arbitrary: fc.record({ ...of('decide'), which, approved: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ ...of('replay'), which }) },
  { weight: 3, arbitrary: fc.record({ ...of('rollback'), which }) },
  { weight: 1, arbitrary: fc.record({ ...of('render'), which, steps }) },
  { weight: 3, arbitrary: fc.record(of('announce')) },
  { weight: 4, arbitrary: fc.record({ ...of('wait'), hours: fc.constantFrom(0.3, 1.5, 30, 80) }) },
  { weight: 4, arbitrary: fc.record({ ...of('collect'), dryRun: fc.constantFrom(false, false, false, true) }) },
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
  const spawn = async (work: Process, times: number): Promise<void> => {
    alive.push({ work, since: clock.now });
    await step(alive.length - 1, times);
  };
  const take = async (most: number, turn: number, times: number): Promise<void> => {
    for (const sync of await catalog.syncs.take('test', most, most, 3600))
      await spawn(processes.read(sync, turn), times);
  };
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
  const announce = () => catalog.estate.relay(1000, async () => undefined);

  for (const [at, one] of commands.entries()) {
    switch (one.type) {
      case 'read': {
        const [record] = await catalog.connectors.list({ names: [one.which % 2 ? 'kept' : 'short'] });
        if (record) await processes.enqueue(record, one.content as Content);
        await take(1, one.turn, one.steps);
        break;
      }
      case 'push': {
        const [record] = await catalog.connectors.list({ names: ['pushed'] });
        if (record) await spawn(processes.push(record, one.content as Content), one.steps);
        break;
      }
      case 'take':
        await take(2, one.turn, one.steps);
        break;
      case 'refresh': {
        const found = pick(
          await syncs<LaneReference & { id: string }>(`s.state IN ('landed', 'refreshing')`),
          one.which,
        );
        if (found) await spawn(processes.refresh({ ...found, sync: found.id }), one.steps);
        break;
      }
      case 'step':
        await step(one.which, one.steps);
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
          await syncs<{ id: string; connector: string }>(
            `s.id IN (SELECT sync_id FROM rejected_summary WHERE count > 0) AND s.state IN ('published', 'unchanged')`,
          ),
          one.which,
        );
        if (found) await processes.replay(found.id, found.connector);
        break;
      }
      case 'rollback': {
        const found = pick(
          await rows<{ name: string; number: number }>(
            'SELECT d.name::text AS name, v.number FROM version v JOIN dataset d ON d.id = v.dataset_id ORDER BY v.number, 1',
          ),
          one.which,
        );
        if (found) await processes.rollBack(found.name, found.number);
        break;
      }
      case 'render': {
        const found = pick(
          await rows<{ name: string; number: number }>(
            'SELECT d.name::text AS name, v.number FROM version v JOIN dataset d ON d.id = v.dataset_id ORDER BY 1, 2',
          ),
          one.which,
        );
        if (found) await spawn(processes.render(found.name, found.number), one.steps);
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
    await take(100, 1, 99);
    for (const found of await syncs<LaneReference & { id: string }>(`s.state IN ('landed', 'refreshing')`))
      await spawn(processes.refresh({ ...found, sync: found.id }), 99);
  }
  await announce();
  await assertNothingMissed();
  clock.now += hours(24 * 1000);
  for (let round = 0; round < 2; round++) await world.collect({ retention: AT_REST });
  expect((await world.keys()).sort()).toEqual([...(await neededKeys(world)).keys()].sort());
  expect(await catalog.audit.verify([])).toMatchObject({ ok: true });
}

// A long run sets it to hundreds.
const RUNS = Number(process.env.SONGHUA_TEST_COLLECTIONS ?? 10);

test('under any interleaving of refreshes, kills and collections nothing is missed, and at rest nothing else is left (I8)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 30, maxLength: 70 }), async (commands) => {
      await world.clear();
      await play(commands);
    }),
    { numRuns: RUNS },
  );
}, 1_200_000);
