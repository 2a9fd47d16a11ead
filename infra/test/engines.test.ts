import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { namesOf } from '@songhua/contracts';
import { createKafkaMessaging } from '@songhua/messaging';
import { createMinioStore } from '@songhua/object-store';
import { Client } from 'pg';
import { type RunningEngines, startEngines } from '../src/index.js';

const START_MS = 120_000;
const { topics } = namesOf('');
const TOPIC = topics.records;
const ENGINES = ['kafka', 'temporal', 'object-store', 'postgres'] as const;

let home = '';
let engines: RunningEngines;

beforeAll(async () => {
  // A folder closed to other users, as many are: PostgreSQL must still reach it when we are root.
  home = await mkdtemp(join(tmpdir(), 'songhua-engines-'));
  engines = await startEngines({ home });
}, START_MS);
afterAll(async () => {
  await engines?.stop();
  await rm(home, { recursive: true, force: true });
}, 60_000);

async function query<T>(sql: string): Promise<T[]> {
  const client = new Client({ connectionString: engines.endpoints.databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql)).rows as T[];
  } finally {
    await client.end();
  }
}

/** Leaves something in every engine that keeps data for us. */
async function write(value: string): Promise<void> {
  await query('CREATE TABLE IF NOT EXISTS kept (value text)');
  await query(`INSERT INTO kept VALUES ('${value}')`);
  await createMinioStore(engines.endpoints.s3).put(`kept/${value}`, Buffer.from(value), 'text/plain');
  const messaging = createKafkaMessaging({ brokers: engines.endpoints.brokers, clientId: 'test' });
  const producer = await messaging.producer();
  await producer.send(TOPIC, [{ key: 'kept', value: Buffer.from(value), headers: {} }]);
  await producer.close();
}

async function consumed(count: number): Promise<string[]> {
  const messaging = createKafkaMessaging({ brokers: engines.endpoints.brokers, clientId: 'test' });
  const values: string[] = [];
  let enough = (): void => undefined;
  const all = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const consumer = await messaging.consume({
    group: `test-${Date.now()}`,
    topic: TOPIC,
    deadLetterTopic: topics.deadRecords,
    handlerFor: () => ({
      handle: async (message) => {
        values.push(message.value.toString());
        if (values.length >= count) enough();
      },
      resumeOffset: () => undefined,
    }),
  });
  await all;
  await consumer.close();
  return values;
}

async function kept(count: number): Promise<{ rows: number; objects: number; messages: number }> {
  const [row] = await query<{ n: string }>('SELECT count(*) AS n FROM kept');
  let objects = 0;
  for await (const _ of createMinioStore(engines.endpoints.s3).list('kept/')) objects += 1;
  return { rows: Number(row?.n), objects, messages: (await consumed(count)).length };
}

test('credentials are readable by their owner only', () => {
  for (const file of ['credentials.json', 'endpoints.json']) {
    expect(statSync(join(home, file)).mode & 0o777).toBe(0o600);
  }
});

test(
  'killed engines come back with everything they had acknowledged',
  async () => {
    await write('before');
    for (const engine of ENGINES) await engines.kill(engine);
    expect(engines.pids).toEqual({});
    await Promise.all(ENGINES.map((engine) => engines.restart(engine)));
    await write('after');
    expect(await kept(2)).toEqual({ rows: 2, objects: 2, messages: 2 });
  },
  START_MS,
);

test(
  'a stopped set starts again with its data, credentials and ports, except a port that was taken meanwhile',
  async () => {
    const before = engines.endpoints;
    await engines.stop();
    const taken = Number(before.temporalAddress.split(':')[1]);
    const thief = createServer();
    await new Promise<void>((resolve) => thief.listen(taken, '127.0.0.1', resolve));
    try {
      engines = await startEngines({ home });
    } finally {
      await new Promise((resolve) => thief.close(resolve));
    }
    expect({ ...engines.endpoints, temporalAddress: '' }).toEqual({ ...before, temporalAddress: '' });
    expect(engines.endpoints.temporalAddress).not.toBe(before.temporalAddress);
    expect(await kept(2)).toEqual({ rows: 2, objects: 2, messages: 2 });
  },
  START_MS,
);

test(
  'a pid file left by a power cut does not keep PostgreSQL down',
  async () => {
    await engines.kill('postgres');
    const file = join(home, 'data', 'postgres', 'data', 'postmaster.pid');
    // As after a reboot: the pid in it is alive and another program's.
    const lines = readFileSync(file, 'utf8').split('\n');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(file, [String(process.pid), ...lines.slice(1)].join('\n'));
    await engines.restart('postgres');
    expect((await query<{ n: string }>('SELECT count(*) AS n FROM kept'))[0]?.n).toBe('2');
  },
  START_MS,
);
