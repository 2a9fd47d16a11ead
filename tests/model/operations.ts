import { randomBytes } from 'node:crypto';
import type { SyncClaim } from '@songhua/catalog';
import { syncId } from '@songhua/domain';
import type { History, Process } from './history.js';
import { look } from './invariants.js';
import { land } from './landing.js';
import { approve, copyOf } from './memory.js';
import { reading } from './reader.js';
import { putBack, takeSnapshot } from './snapshot.js';
import { digestOf } from './source.js';
import { recordFailure, refreshing } from './worker.js';

/** One thing that happens; `a` and `b` choose among what is there. */
export type Operation = [name: OperationName, a: number, b: number];
export type OperationName = keyof typeof OPERATIONS;

/** Of a claim of its own. */
const traceparent = (): string => `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
const pick = <T>(from: readonly T[], a: number): T | undefined => from[a % from.length];
const takeOut = <T>(from: T[], a: number): T | undefined => from.splice(a % Math.max(1, from.length), 1)[0];

// From here on a process goes on to its end, and nothing happens to it.
const TO_THE_END = 8;

/** One step of a process, or all that are left; whether it has ended. */
async function goOn(process: Process, luck: number): Promise<boolean> {
  for (;;) {
    if ((await process.next(luck)).done) return true;
    if (luck < TO_THE_END) return false;
  }
}

type Happening = (history: History, a: number, b: number) => Promise<Touched>;
/** Whether the catalog was asked: not when there was nothing to do, or when it happened elsewhere. */
type Touched = boolean;

export const OPERATIONS = {
  /** The source has something new. */
  async change(history: History, a: number) {
    history.source.change(a % 4 === 0);
    return false;
  },

  /** What is under way goes on, or something new begins: so that most of a history is about what comes of it. */
  async proceed(history: History, a: number, b: number): Promise<boolean> {
    const { readers, bus, lane, workers } = history;
    const next: (Happening | undefined)[] = [
      readers.length > 0 ? OPERATIONS.read : undefined,
      bus.length > 0 ? OPERATIONS.land : undefined,
      workers.some(Boolean) ? OPERATIONS.work : undefined,
      lane.length > 0 && !workers.every(Boolean) ? OPERATIONS.begin : undefined,
      OPERATIONS.start,
    ].filter((one) => one !== undefined);
    return (pick(next, a) as Happening)(history, b, b);
  },
  async start(history: History, a: number, b: number): Promise<boolean> {
    await OPERATIONS.change(history, a);
    await OPERATIONS.enqueue(history, b, b);
    return OPERATIONS.take(history, a);
  },

  /** Nothing befalls anybody, until nothing is under way. */
  async rest(history: History): Promise<boolean> {
    const { readers, bus, lane, workers } = history;
    for (;;) {
      if (readers.length > 0) await OPERATIONS.read(history, 0, TO_THE_END);
      else if (bus.length > 0) await OPERATIONS.land(history, 0, 3);
      else if (workers.some(Boolean)) await OPERATIONS.work(history, 0, TO_THE_END);
      else if (lane.length > 0) await OPERATIONS.begin(history, 0, 0);
      else if (!(await OPERATIONS.take(history, 0))) return true;
    }
  },

  /** A slot comes due, or somebody asks; sometimes one that was claimed before. */
  async enqueue(history: History, a: number, b: number) {
    const { catalog, connector, slots, way, pushed } = history;
    const again = b % 4 === 0 ? pick(slots, a) : undefined;
    const slot = again ?? `request:${way === 'push' && b % 2 === 0 ? 'push-' : ''}${slots.length}`;
    if (again === undefined) slots.push(slot);
    const claim: SyncClaim = { connector, slot, traceparent: traceparent(), full: false };
    if (slot.startsWith('request:push-')) {
      const name = `${slot}.csv`;
      pushed.set(name, pushed.get(name) ?? a % 4 === 0);
      const content = { sha256: digestOf(name), bytes: 1, objectKey: `ingest/${name}`, name, by: 'key:1' };
      await catalog.ingests.accept(claim, content);
    } else await catalog.syncs.enqueue([{ ...claim, ...askedBeyond(history, a) }]);
    return true;
  },

  /** One of two replicas takes what is queued. */
  async take(history: History, a: number) {
    const owner = `reader-${a % 2}`;
    const [sync] = await history.catalog.syncs.take(owner, 1, a % 3, 60);
    if (!sync) return false;
    const process = reading(history, owner, sync);
    history.readers.push({ owner, sync, process });
    await process.next(0);
    return true;
  },
  async read({ readers }: History, a: number, b: number) {
    const reader = pick(readers, a);
    if (reader && (await goOn(reader.process, b))) readers.splice(readers.indexOf(reader), 1);
    return reader !== undefined;
  },
  /** A replica dies; nobody tells. */
  async killReader({ readers }: History, a: number) {
    takeOut(readers, a);
    return false;
  },
  /** A replica stops in a rolling update. */
  async giveBack({ readers, catalog }: History, a: number) {
    const reader = takeOut(readers, a);
    if (reader) await catalog.syncs.giveBack(reader.owner, [reader.sync.id]);
    return reader !== undefined;
  },
  /** Leases run out; their holders may be alive. */
  async expire({ world, connector, catalog }: History, a: number) {
    await world.database.query(
      `UPDATE sync SET lease_until = clock_timestamp() - interval '1 second' WHERE connector_id = $1 AND state = 'reading'`,
      [connector.id],
    );
    if (a % 4 > 0) await catalog.syncs.recoverExpired(3);
    return true;
  },

  /** Landing has an attempt; sometimes it will have it again. */
  async land(history: History, a: number, b: number) {
    const message = b % 4 === 0 ? pick(history.bus, a) : takeOut(history.bus, a);
    if (message) await land(history, b === 1 ? { ...message, whole: false } : message);
    return message !== undefined;
  },
  async loseMessage({ bus }: History, a: number) {
    takeOut(bus, a);
    return false;
  },
  async recoverDelivered({ catalog }: History) {
    await catalog.syncs.recoverDelivered(-1, -1);
    return true;
  },
  async recoverLanded({ catalog, lane }: History) {
    lane.push(...(await catalog.syncs.recoverLanded(-1, 10)));
    return true;
  },

  /** A worker begins what a lane was told; sometimes another has begun it. */
  async begin(history: History, a: number, b: number) {
    const { workers, lane } = history;
    const place = workers[b % 2] ? (b + 1) % 2 : b % 2;
    const reference = pick(lane, a);
    if (!reference || workers[place]) return false;
    const process = refreshing(history, reference, () => {
      const at = lane.indexOf(reference);
      if (at >= 0) lane.splice(at, 1);
    });
    workers[place] = { reference, process };
    if ((await process.next(0)).done) workers[place] = undefined;
    return true;
  },
  async work({ workers }: History, a: number, b: number) {
    const place = workers[a % 2] ? a % 2 : (a + 1) % 2;
    const worker = workers[place];
    if (worker && (await goOn(worker.process, b)) && workers[place] === worker) workers[place] = undefined;
    return worker !== undefined;
  },
  async killWorker({ workers }: History, a: number) {
    workers[a % 2] = undefined;
    return false;
  },
  /** A lane has tried often enough. */
  async giveUp(history: History, a: number) {
    const reference = takeOut(history.lane, a);
    const reason = { code: 'refresh.crashed', message: 'no answer', actor: 'platform', retryable: false } as const;
    if (reference) await recordFailure(history, reference, reason);
    return reference !== undefined;
  },
  async loseLane({ lane }: History) {
    lane.splice(0);
    return false;
  },

  /** Somebody mends the rules, or breaks them. */
  async mend(history: History) {
    history.mended = !history.mended;
    return false;
  },
  /** A person decides on what is held. */
  async decide(history: History, a: number, b: number) {
    const held = pick(
      (await look(history)).syncs.filter(({ state }) => state === 'held'),
      a,
    );
    if (!held) return false;
    const approved = b % 4 > 0;
    if (approved) approve(history.memory, held.id, history.bucket.landings.get(held.landing ?? ''));
    const decided = await history.catalog.holds.decide(held.id, { approved, reason: 'seen', by: 'key:1' });
    if (approved && decided) history.lane.push(decided.lane);
    return true;
  },
  async replay(history: History, a: number, b: number) {
    const { catalog, slots, connector, lane } = history;
    const of = pick(
      (await look(history)).syncs.filter(({ rejected }) => rejected > 0),
      a,
    );
    if (!of) return false;
    const slot =
      b % 8 === 0 ? (slots.findLast((one) => one.startsWith('replay:')) ?? 'replay:0') : `replay:${slots.length}`;
    slots.push(slot);
    const id = syncId(connector.name, slot);
    if (await catalog.syncs.get(id)) return false;
    const opened = await catalog.replays.open({
      id,
      of: of.id,
      slot,
      codes: undefined,
      by: 'key:1',
      traceparent: traceparent(),
    });
    if (opened?.lane) lane.push(opened.lane);
    return true;
  },
  /** Somebody goes back to what was served before; sometimes while that is under way already. */
  async rollback(history: History, a: number) {
    const { catalog, slots, connector, lane } = history;
    const to = pick((await look(history)).versions, a);
    if (!to) return false;
    const slot = `rollback:${slots.length}`;
    slots.push(slot);
    const asked = await catalog.rollbacks.open({
      id: syncId(connector.name, slot),
      dataset: connector.dataset,
      version: to.number,
      slot,
      reason: 'seen',
      by: 'key:1',
      traceparent: traceparent(),
    });
    if (asked.problem === null) lane.push(asked.lane);
    return true;
  },
  async cancel(history: History, a: number) {
    const sync = pick((await look(history)).syncs, a);
    if (sync) await history.catalog.syncs.cancel(sync.id, { reason: 'enough', by: 'key:1', actor: 'department' });
    return sync !== undefined;
  },
  async remove({ catalog, connector, world, way }: History, a: number) {
    await catalog.connectors.delete(connector.name, 'model');
    if (a % 2 === 0) await world.apply(connector, way);
    return true;
  },
  async apply({ catalog, world, connector, way }: History) {
    if (await catalog.connectors.get(connector.name)) return false;
    await world.apply(connector, way);
    return true;
  },

  /** A backup of the database is taken, and later put back; nobody and nothing else goes back with it. */
  async snapshot(history: History) {
    const { world, connector, memory } = history;
    history.snapshot = { rows: await takeSnapshot(world.database, connector), memory: copyOf(memory.catalog) };
    return false;
  },
  async restore(history: History) {
    const { world, connector, snapshot } = history;
    if (!snapshot) return false;
    await putBack(world.database, connector, snapshot.rows);
    history.memory.catalog = copyOf(snapshot.memory);
    history.restores++;
    return true;
  },
} satisfies Record<string, Happening>;

/** What is asked beyond what is new. */
function askedBeyond({ way, source }: History, a: number): Partial<SyncClaim> {
  if (a % 8 === 1) return { full: true };
  if (a % 8 === 2) return { full: true, reset: true };
  if (a % 8 === 3 && (way === 'append' || way === 'merge')) {
    const to = Math.max(1, source.steps);
    return { range: { from: String(Math.max(1, to - 2)), to: String(to) } };
  }
  return {};
}

/** Answers whether the catalog may have changed by it. */
export const run = (history: History, [name, a, b]: Operation): Promise<boolean> => OPERATIONS[name](history, a, b);
