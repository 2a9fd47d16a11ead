import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { INLINE_PART_BYTES, type LaneReference, landingManifestSchema } from '@songhua/contracts';
import { codeOf, type Reason, SonghuaError } from '@songhua/domain';
import type { IncomingMessage, OutgoingMessage, PartitionHandler } from '@songhua/messaging';
import { type Logger, retry } from '@songhua/runtime';
import { type LandingDeps, landPartition } from '@songhua/service-landing';
import { fetchLanding } from '@songhua/service-refresh';
import {
  createLandingWorld,
  incoming,
  type LandingWorld,
  manifestOf,
  messagesOf,
  namedOf,
  noting,
  type SyncPlan,
  type Told,
  until,
  verdictOf,
} from './world.js';

const MINUTES = 60_000;
let world: LandingWorld;
beforeAll(async () => {
  world = await createLandingWorld(1);
});
afterAll(() => world?.close());

interface Landing {
  handler: PartitionHandler;
  told: Told[];
  dispatched: LaneReference[];
  logged: { level: string; fields: Record<string, unknown>; message: string }[];
  /** Delivers messages at their place in the partition's log; answers what the last one was refused for. */
  deliver(...offsets: number[]): Promise<Reason | undefined>;
  clock: { now: number };
  refuse: { land?: Error };
  /** What the catalog was told keeps syncs from landing. */
  troubles: [sync: string, code: string][];
}

function loggerOf(note: (line: Landing['logged'][number]) => void, ids: Record<string, unknown> = {}): Logger {
  const at = (level: string) => (fields: Record<string, unknown>, message: string) =>
    note({ level, fields: { ...ids, ...fields }, message });
  const child = (more: Record<string, unknown>): Logger => loggerOf(note, { ...ids, ...more });
  return { info: at('info'), warn: at('warn'), error: at('error'), child } as unknown as Logger;
}

/** The real handler, on a log that a test has written down. */
function landingOf(log: OutgoingMessage[]): Landing {
  const told: Told[] = [];
  const dispatched: LaneReference[] = [];
  const logged: Landing['logged'] = [];
  const clock = { now: 0 };
  const refuse: Landing['refuse'] = {};
  const troubles: Landing['troubles'] = [];
  const handler = landPartition(
    {
      store: world.store,
      syncs: {
        async land(...facts) {
          if (refuse.land) throw refuse.land;
          return noting(told).land(...facts);
        },
        landingTrouble: async (sync, { reason }) => void troubles.push([sync, reason.code]),
      },
      tellLane: async (reference) => void dispatched.push(reference),
      landed: () => undefined,
      logger: loggerOf((line) => logged.push(line)),
    },
    () => clock.now,
  );
  return {
    handler,
    told,
    dispatched,
    logged,
    clock,
    refuse,
    troubles,
    async deliver(...offsets) {
      let refusal: Reason | undefined;
      for (const offset of offsets) refusal = await handler.handle(incoming(log[offset] as OutgoingMessage, offset));
      return refusal;
    },
  };
}

const named = (name: string): string => `${name}-${randomBytes(4).toString('hex')}`;
const plan = (more: Partial<SyncPlan> = {}): SyncPlan => ({
  sync: named('sy'),
  connector: named('c'),
  batches: ['1\n2\n', '3\n'],
  ...more,
});
const all = (log: OutgoingMessage[]): number[] => log.map((_, offset) => offset);
const verdicts = ({ told }: Landing): [string, string][] => told.map((sync) => [sync.sync, verdictOf(sync)]);

async function rowsOf(told: Told | undefined): Promise<string> {
  const folder = join(world.folder, named('fetch'));
  await mkdir(folder);
  const landing = await fetchLanding(world.store, namedOf(told), folder);
  return gunzipSync(Buffer.concat(await Promise.all(landing.rows.map((path) => readFile(path))))).toString();
}

test('a sync lands whole however long its source is silent within the time that it may take, whatever ends meanwhile', async () => {
  const slow = plan();
  const others = Array.from({ length: 3 }, () => plan());
  const [first, ...rest] = messagesOf(slow) as [OutgoingMessage, ...OutgoingMessage[]];
  const log = [first, ...others.flatMap(messagesOf), ...rest];
  const landing = landingOf(log);
  for (const offset of all(log)) {
    await landing.deliver(offset);
    landing.clock.now += 20 * MINUTES;
  }
  expect(verdicts(landing)).toEqual([...others, slow].map(({ sync }) => [sync, 'whole']));
  expect(await rowsOf(landing.told.at(-1))).toBe('1\n2\n3\n');
});

test('a sync whose beginning is missing ends as a gap, and so does one that lost a message', async () => {
  const headless = plan();
  const holed = plan();
  const log = [...messagesOf(headless), ...messagesOf(holed)];
  const landing = landingOf(log);
  await landing.deliver(...all(log).filter((offset) => offset !== 0 && offset !== 5));
  expect(verdicts(landing)).toEqual([
    [headless.sync, 'landing.gap'],
    [holed.sync, 'landing.gap'],
  ]);
  expect(landing.told[0]).toMatchObject({
    problem: { message: expect.stringContaining('message 0 of the sync is missing') },
  });
  expect(landing.handler.resumeOffset()).toBe(String(log.length));
});

test('a sync that landed before a restart is told again as landed, when the log begins in its middle', async () => {
  const [before, open] = [plan(), plan()];
  const [a, b, ...rest] = messagesOf(before) as [OutgoingMessage, OutgoingMessage, ...OutgoingMessage[]];
  const [first, ...others] = messagesOf(open) as [OutgoingMessage, ...OutgoingMessage[]];
  const log = [a, b, first, ...rest, ...others];
  const died = landingOf(log);
  await died.deliver(0, 1, 2, 3, 4);
  expect(verdicts(died)).toEqual([[before.sync, 'whole']]);
  const from = Number(died.handler.resumeOffset());
  expect(from).toBe(2);
  const again = landingOf(log);
  await again.deliver(...all(log).slice(from));
  expect(verdicts(again)).toEqual([
    [before.sync, 'whole'],
    [open.sync, 'whole'],
  ]);
  expect(again.told[0]).toEqual(died.told[0]);
});

test('a sync that a later one of its connector overtook is told as a gap, once, and frees the offset', async () => {
  const connector = named('c');
  const [lost, later] = [plan({ connector }), plan({ connector })];
  const log = [...messagesOf(lost).slice(0, 2), ...messagesOf(later), ...messagesOf(lost).slice(2)];
  const landing = landingOf(log);
  await landing.deliver(...all(log));
  expect(verdicts(landing)).toEqual([
    [later.sync, 'whole'],
    [lost.sync, 'landing.gap'],
  ]);
  expect(landing.handler.resumeOffset()).toBe(String(log.length));
});

test('what is silent for longer than any sync may take is told as a gap', async () => {
  const [lost, later] = [plan(), plan()];
  const log = [...messagesOf(lost).slice(0, 1), ...messagesOf(later)];
  const landing = landingOf(log);
  await landing.deliver(0);
  landing.clock.now += 7 * 60 * MINUTES;
  await landing.deliver(1);
  expect(verdicts(landing)).toEqual([[lost.sync, 'landing.gap']]);
  expect(landing.told[0]).toMatchObject({ problem: { message: expect.stringContaining('6 hours') } });
});

test('an attempt is replaced by a higher one without a word, and a lower one after it is nothing', async () => {
  const first = plan();
  const second = { ...first, attempt: 2, batches: ['4\n'] };
  const log = [...messagesOf(first).slice(0, 2), ...messagesOf(second), ...messagesOf(first)];
  const landing = landingOf(log);
  await landing.deliver(...all(log));
  expect(landing.told).toMatchObject([{ sync: first.sync, attempt: 2 }]);
  expect(await rowsOf(landing.told[0])).toBe('4\n');
});

test('a closing event that is not what was sent ends its sync with the reason, and is refused', async () => {
  const broken = plan();
  const log = messagesOf(broken);
  const closing = log.at(-1) as OutgoingMessage;
  log[log.length - 1] = { ...closing, value: Buffer.from('{}') };
  const landing = landingOf(log);
  await landing.deliver(0, 1, 2);
  for (let turn = 0; turn < 2; turn++)
    expect(await landing.deliver(3)).toEqual(expect.objectContaining({ code: 'batch.corrupt' }));
  expect(verdicts(landing)).toEqual([[broken.sync, 'batch.corrupt']]);
});

test('I5: what is no message of ours is refused, and lets no offset pass a sync that is open', async () => {
  const log = messagesOf(plan());
  log.splice(1, 0, { ...(log[1] as OutgoingMessage), headers: {} });
  const landing = landingOf(log);
  expect(await landing.deliver(0, 1)).toMatchObject({ code: 'envelope.invalid' });
  expect(landing.handler.resumeOffset()).toBe('0');
  await landing.deliver(...all(log).slice(2));
  expect(landing.handler.resumeOffset()).toBe(String(log.length));
});

test('I5: while the store refuses, nothing is buried and no offset passes an open sync; afterwards everything lands', async () => {
  const [whole, open] = [plan(), plan()];
  const [first, ...rest] = messagesOf(open) as [OutgoingMessage, ...OutgoingMessage[]];
  for (const message of [first, ...messagesOf(whole), ...rest]) await world.producer.send(world.topic, [message]);
  const told: Told[] = [];
  const buried: IncomingMessage[] = [];
  const refusing = async (): Promise<never> => {
    throw new SonghuaError('object.denied', 'RequestTimeTooSkewed', { actor: 'operator' });
  };
  const consume = (store: LandingDeps['store']) =>
    world.messaging.consume({
      group: world.topic,
      topic: world.topic,
      deadLetterTopic: `${world.topic}.dead`,
      retryForMs: 500,
      handlerFor: () =>
        landPartition({
          store,
          syncs: noting(told),
          tellLane: async () => undefined,
          landed: () => undefined,
          logger: loggerOf(() => undefined),
        }),
    });
  const dead = await world.messaging.consume({
    group: `${world.topic}.dead`,
    topic: `${world.topic}.dead`,
    deadLetterTopic: `${world.topic}.dead`,
    handlerFor: () => ({
      async handle(message) {
        buried.push(message);
        return undefined;
      },
      resumeOffset: () => undefined,
    }),
  });
  try {
    const refused = await consume({ ...world.store, put: refusing });
    expect(codeOf(await refused.finished.catch((error: unknown) => error))).toBe('messaging.retries-exhausted');
    expect(told).toEqual([]);
    const again = await consume(world.store);
    await until(() => told.length === 2);
    await again.close();
    expect(told.map((one) => [one.sync, verdictOf(one)])).toEqual([whole, open].map(({ sync }) => [sync, 'whole']));
    expect(buried).toEqual([]);
  } finally {
    await dead.close();
  }
});

test('while nobody takes what is told, the offset stays and the same message tells it later', async () => {
  const [lost, later] = [plan({ connector: 'one' }), plan({ connector: 'one' })];
  const log = [...messagesOf(lost).slice(0, 1), ...messagesOf(later)];
  const landing = landingOf(log);
  await landing.deliver(...all(log).slice(0, -1));
  landing.refuse.land = new SonghuaError('catalog.unavailable', 'away', { retryable: true });
  for (let turn = 0; turn < 2; turn++) {
    await expect(landing.deliver(log.length - 1)).rejects.toMatchObject({ retryable: true });
    expect(landing.handler.resumeOffset()).toBe('0');
  }
  expect(landing.troubles).toEqual([
    [later.sync, 'catalog.unavailable'],
    [later.sync, 'catalog.unavailable'],
  ]);
  delete landing.refuse.land;
  await landing.deliver(log.length - 1);
  expect(landing.dispatched.map(({ sync }) => sync)).toEqual([later.sync]);
  expect(verdicts(landing).slice(-2)).toEqual([
    [later.sync, 'whole'],
    [lost.sync, 'landing.gap'],
  ]);
});

test('two claims of one slot are two syncs to landing: neither takes rows, or the landing, of the other', async () => {
  const before = plan({ traceparent: '00-11111111111111111111111111111111-b7ad6b7169203331-01' });
  const { sync, connector } = before;
  const anew = plan({ sync, connector, batches: ['7\n', '8\n'] });
  const log = [...messagesOf(before), ...messagesOf(anew)];
  const landing = landingOf(log);
  await landing.deliver(...all(log));
  expect(landing.told.map((told) => [told.traceparent, verdictOf(told)])).toEqual([
    [before.traceparent, 'whole'],
    [expect.not.stringContaining('1111'), 'whole'],
  ]);
  expect(await rowsOf(landing.told[1])).toBe('7\n8\n');

  const holed = landingOf(log);
  await holed.deliver(...all(log).filter((offset) => offset >= 4 && offset !== 5));
  expect(verdicts(holed)).toEqual([[sync, 'whole']]);
  await world.store.delete([manifestOf(landing.told[1])]);
  const stale = landingOf(log);
  await stale.deliver(...all(log).filter((offset) => offset < 4));
  await stale.deliver(...all(log).filter((offset) => offset >= 4 && offset !== 5));
  expect(verdicts(stale)).toEqual([
    [sync, 'whole'],
    [sync, 'landing.gap'],
  ]);
});

test('what a lost claim sent never takes the place of the landing of its successor, also when it comes again after it', async () => {
  const before = plan({ traceparent: '00-11111111111111111111111111111111-b7ad6b7169203331-01' });
  const { sync, connector } = before;
  const anew = plan({ sync, connector, batches: ['7\n', '8\n'] });
  const log = [...messagesOf(before), ...messagesOf(anew)];
  const landing = landingOf(log);
  await landing.deliver(...all(log));
  // Another replica takes the partition over and begins where the lost claim did.
  const other = landingOf(log);
  await other.deliver(...messagesOf(before).map((_, offset) => offset));
  expect(await rowsOf(landing.told[1])).toBe('7\n8\n');
  expect(await rowsOf(other.told[0])).toBe('1\n2\n3\n');
});

test.each([
  ['in the manifest when it is small', INLINE_PART_BYTES / 4],
  ['as an object of its own when it is not', INLINE_PART_BYTES * 2],
])('a part lands %s, and one that was damaged is told by name', async (_, bytes) => {
  const text = `${randomBytes(bytes).toString('base64')}\n`;
  const log = messagesOf(plan({ batches: [text] }));
  const landing = landingOf(log);
  for (const offset of all(log)) await landing.deliver(offset);
  expect(await rowsOf(landing.told[0])).toBe(text);

  const key = manifestOf(landing.told[0]);
  const manifest = landingManifestSchema.parse(JSON.parse((await world.store.readAll(key, 1 << 20)).toString()));
  const damaged = Buffer.from('damaged');
  const parts = await Promise.all(
    manifest.parts.map(async (part) => {
      if (!('key' in part)) return { ...part, gzip: damaged.toString('base64') };
      await world.store.put(part.key, damaged, 'application/gzip');
      return part;
    }),
  );
  const rows = parts.filter(({ kind }) => kind === 'rows');
  expect(rows.map((part) => 'key' in part)).toEqual([bytes > INLINE_PART_BYTES]);
  await world.store.put(key, Buffer.from(JSON.stringify({ ...manifest, parts })), 'application/json');
  await expect(rowsOf(landing.told[0])).rejects.toMatchObject({ code: 'landing.corrupt', actor: 'operator' });
});

test('open syncs take a bounded memory: beyond it their parts go to the store early, and they land whole all the same', async () => {
  // Bytes that gzip cannot make smaller.
  const text = (): string => `${randomBytes(360_000).toString('base64')}\n`;
  const plans = Array.from({ length: 12 }, () => plan({ batches: Array.from({ length: 6 }, text) }));
  const messages = plans.map(messagesOf);
  const log = Array.from({ length: 8 }, (_, at) => messages.map((of) => of[at] as OutgoingMessage)).flat();
  const landing = landingOf(log);
  // As the consumer does when the store is busy.
  for (const offset of all(log)) await retry(() => landing.deliver(offset), { tries: 5, baseMs: 100, maxMs: 2_000 });
  expect(verdicts(landing)).toEqual(plans.map(({ sync }) => [sync, 'whole']));
  const parts = await Promise.all(
    landing.told.map(async (told) => {
      const body = await world.store.readAll(manifestOf(told), 1 << 20);
      return landingManifestSchema.parse(JSON.parse(body.toString())).parts.filter(({ kind }) => kind === 'rows');
    }),
  );
  // Each sync alone is below a full part.
  expect(Math.max(...parts.map((of) => of.length))).toBeGreaterThan(1);
  for (const [at, { batches }] of plans.entries()) expect(await rowsOf(landing.told[at])).toBe(batches.join(''));
});

test('every landed sync is logged with its ids, and every one that did not land with its reason', async () => {
  const [whole, holed] = [plan(), plan()];
  const log = [...messagesOf(whole), ...messagesOf(holed).slice(1)];
  const landing = landingOf(log);
  await landing.deliver(...all(log));
  const ids = ({ sync, connector }: SyncPlan) => ({ sync, connector, dataset: connector, attempt: 1 });
  expect(landing.logged).toMatchObject([
    { level: 'info', fields: { ...ids(whole), rows: 3 }, message: 'sync landed' },
    { level: 'warn', fields: { ...ids(holed), reason: { code: 'landing.gap' } } },
  ]);
});
