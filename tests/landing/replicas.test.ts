import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { OutgoingMessage } from '@songhua/messaging';
import { fetchLanding } from '@songhua/service-refresh';
import {
  createLandingWorld,
  type LandingWorld,
  messagesOf,
  namedOf,
  type SyncPlan,
  type Told,
  until,
  verdictOf,
} from './world.js';

// A replica of landing as it is deployed, but for catalog and lanes: what it would tell them it says.
const REPLICA = `
import { createKafkaMessaging } from '@songhua/messaging';
import { createMinioStore } from '@songhua/object-store';
import { createLogger } from '@songhua/runtime';
import { landPartition } from './dist/index.js';
const { brokers, topic, storeOptions } = JSON.parse(process.argv[1]);
const store = createMinioStore(storeOptions);
const say = (line) => new Promise((done) => process.stdout.write(JSON.stringify(line) + '\\n', done));
const logger = createLogger('landing');
const syncs = {
  async land(sync, facts) {
    await say({ told: { sync, ...facts } });
    return { state: 'landed', dispatch: false };
  },
  async landingTrouble() {},
};
const consumer = await createKafkaMessaging({ brokers, clientId: 'landing' }).consume({
  group: topic, topic, deadLetterTopic: topic + '.dead',
  handlerFor: () => landPartition({ store, syncs, logger, landed() {}, async tellLane() {} }),
});
await say({ ready: true });
process.on('SIGTERM', () => consumer.close().then(() => process.exit(0)));
`;

let world: LandingWorld;
const running = new Set<ChildProcess>();
const told: Told[] = [];

beforeAll(async () => {
  world = await createLandingWorld(4);
});
afterAll(async () => {
  for (const replica of running) replica.kill('SIGKILL');
  await world?.close();
});

async function startReplica(): Promise<ChildProcess> {
  const { brokers, topic, storeOptions } = world;
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', REPLICA, JSON.stringify({ brokers, topic, storeOptions })],
    {
      cwd: resolve(__dirname, '../../services/landing'),
      stdio: ['ignore', 'pipe', 'inherit'],
      // Its output is what it says.
      env: { ...process.env, SONGHUA_LOG_LEVEL: 'silent' },
    },
  );
  running.add(child);
  child.once('exit', () => running.delete(child));
  await new Promise<void>((ready, failed) => {
    child.once('exit', (code) => failed(new Error(`a replica ended with ${code}`)));
    createInterface({ input: child.stdout as NonNullable<typeof child.stdout> }).on('line', (line) => {
      const said = JSON.parse(line) as { ready?: true; told?: Told };
      if (said.told) told.push(said.told);
      if (said.ready) ready();
    });
  });
  return child;
}

async function end(replica: ChildProcess | undefined, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  if (!replica || replica.exitCode !== null || replica.signalCode !== null) return;
  const gone = once(replica, 'exit');
  replica.kill(signal);
  await gone;
}

type Fate = 'whole' | 'retried' | 'headless' | 'holed' | 'unclosed';
const FATES: Fate[] = ['whole', 'whole', 'retried', 'headless', 'whole', 'holed', 'unclosed'];

interface Case {
  fate: Fate;
  plan: SyncPlan;
  messages: OutgoingMessage[];
}

/** A sync of several batches, and what becomes of its messages on the way. */
function caseOf(index: number): Case {
  const fate = FATES[index % FATES.length] as Fate;
  const sync = `sy-${index}-${randomBytes(4).toString('hex')}`;
  const batches = Array.from({ length: 6 }, (_, batch) => `${index} ${batch} ${'x'.repeat(20_000)}\n`);
  const plan: SyncPlan = { sync, connector: `c-${index}-${randomBytes(3).toString('hex')}`, batches };
  const messages = messagesOf(plan);
  if (fate === 'headless') return { fate, plan, messages: messages.slice(2) };
  if (fate === 'holed') return { fate, plan, messages: messages.filter((_, at) => at !== 3) };
  if (fate === 'retried')
    return {
      fate,
      plan: { ...plan, attempt: 2 },
      messages: [...messages.slice(0, 4), ...messagesOf({ ...plan, attempt: 2 })],
    };
  if (fate === 'unclosed') {
    const later = messagesOf({ ...plan, sync: `${sync}-later`, batches: ['1\n'] });
    return { fate, plan, messages: [...messages.slice(0, -1), ...later] };
  }
  return { fate, plan, messages };
}

test('with replicas killed, closed and started amid syncs, every sync is told whole or as a gap, and none is forgotten', async () => {
  const cases = Array.from({ length: 70 }, (_, index) => caseOf(index));
  const replicas: (ChildProcess | undefined)[] = await Promise.all([startReplica(), startReplica()]);
  const toldOf = (sync: string): Told[] => told.filter((one) => one.sync === sync);
  // Ten syncs are under way at a time, a message of each in turn.
  let sent = 0;
  for (let first = 0; first < cases.length; first += 10) {
    const wave = cases.slice(first, first + 10);
    const most = Math.max(...wave.map(({ messages }) => messages.length));
    for (let at = 0; at < most; at++) {
      const turn = wave.flatMap(({ messages }) => messages.slice(at, at + 1));
      await world.producer.send(world.topic, turn);
      sent += turn.length;
      if (at !== 4) continue;
      // Amid the wave, so that the syncs are open where the replica goes.
      const one = (first / 10) % 2;
      const signal = (first / 10) % 3 === 2 ? 'SIGTERM' : 'SIGKILL';
      if (first / 10 >= 1 && first / 10 <= 4) {
        await until(
          () => told.length >= first / 2,
          () => told.length,
        );
        await end(replicas[one], signal);
        replicas[one] = await startReplica();
      }
    }
  }
  const forgotten = (): string[] =>
    cases.filter(({ plan }) => toldOf(plan.sync).length === 0).map(({ fate, plan }) => `${fate} ${plan.sync}`);
  await until(() => forgotten().length === 0, forgotten);

  for (const { fate, plan } of cases) {
    const verdicts = new Set(toldOf(plan.sync).map(verdictOf));
    expect([fate, ...verdicts]).toEqual([fate, fate === 'whole' || fate === 'retried' ? 'whole' : 'landing.gap']);
    if (!verdicts.has('whole')) continue;
    const landed = toldOf(plan.sync).at(-1) as Told;
    expect(landed.attempt).toBe(plan.attempt ?? 1);
    const folder = join(world.folder, plan.sync);
    await mkdir(folder);
    const { rows } = await fetchLanding(world.store, namedOf(landed), folder);
    const text = gunzipSync(Buffer.concat(await Promise.all(rows.map((path) => readFile(path))))).toString();
    expect(text).toBe(plan.batches.join(''));
  }
  expect(sent).toBeGreaterThan(400);
  await Promise.all(replicas.map((replica) => end(replica, 'SIGTERM')));
}, 300_000);
