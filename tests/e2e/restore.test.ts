import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { manifestSchema, namesOf, type Resource, versionEventSchema } from '@songhua/contracts';
import { endpointEnvironment, endpointsOf } from '@songhua/infra';
import { createKafkaMessaging } from '@songhua/messaging';
import { waitFor } from '@songhua/runtime/testing';
import Database from 'libsql';
import { Client as Postgres } from 'pg';
import { songhuaIn } from '../harness/cli.js';
import { violations } from '../harness/invariants.js';
import { type System, sharedEngines, startSystem } from '../harness/system.js';

const folder = mkdtempSync(join(tmpdir(), 'songhua-restore-'));
const sources = join(folder, 'sources');
const saved = join(folder, 'backup');
const engines = sharedEngines();
const run = randomBytes(4).toString('hex');
/** The system that is lost, and the one that its backup is restored into: other names are other topics, namespace, database and keys. */
const [lost, anew] = [`lost-${run}`, `anew-${run}`];
const apiVersion = 'songhua/v1';
const FILES = Array.from({ length: 10 }, (_, i) => `files-${i}`);
const ROWS = 2_000;

let table: Database.Database;
let system: System;
/** What was published before the first backup began, with the hashes that manifests gave then. */
let published: { path: string; sha256: string }[];

const cli = (deployment: string) =>
  songhuaIn({
    cwd: folder,
    env: {
      SONGHUA_HOME: join(folder, 'nowhere'),
      // As the key in the state folder of whoever restores: it works on.
      SONGHUA_OPERATOR_KEY: system?.operatorKey,
      ...endpointEnvironment(endpointsOf(deployment, engines.endpoints)),
    },
  });
const songhua = async (deployment: string, ...args: string[]) =>
  JSON.parse(await cli(deployment)(...args, '--json')) as Record<string, never> & {
    rows: number;
    seconds: number;
    objects: { count: number; bytes: number; copied: number; copiedBytes: number };
    totals: { datasets: number; versions: number; records: number; openSyncs: number };
    readAgain: number;
    handedOver: number;
    announced: number;
    verdict: { ok: boolean; versions: number; current: number; problems: unknown[]; audit: { ok: boolean } };
  };
const tell = (what: string, figures: unknown): void => {
  process.stderr.write(`restore drill: ${what} ${JSON.stringify(figures)}\n`);
};

const write = (name: string, revision: number, rows = ROWS): void =>
  writeFileSync(
    join(sources, `${name}.csv`),
    `id,name\n${Array.from({ length: rows }, (_, i) => `${i},${name} of revision ${revision}\n`).join('')}`,
  );
const append = (value: number): void => {
  table.exec(`INSERT INTO readings (value, at) VALUES (${value}, ${value})`);
};

const dataset = (name: string, source: Record<string, unknown>, primaryKey: string[]): Resource[] => [
  {
    apiVersion,
    kind: 'Dataset',
    metadata: { name },
    spec: {
      title: name,
      department: 'water-bureau',
      domain: 'water',
      frequency: 'DAILY',
      primaryKey,
      schemaPolicy: 'hold',
      guards: { maxShrink: 0.5, maxRejected: 0.1 },
    },
  },
  { apiVersion, kind: 'Connector', metadata: { name }, spec: { dataset: name, secrets: {}, ...source } } as Resource,
];

const ask = (connectors: string[]): Promise<{ syncs: { sync: string }[] }> =>
  system.post('/api/v1/syncs', { connectors, request: `drill-${randomBytes(4).toString('hex')}` });
const stateOf = async (sync: string): Promise<string> =>
  (await inDatabase(lost, 'SELECT state FROM sync WHERE id = $1', [sync]))[0]?.state ?? 'unknown';
const inState = async (connector: string, state: string): Promise<string> => {
  const [{ sync } = { sync: '' }] = (await ask([connector])).syncs;
  await waitFor(`the sync of ${connector} to be ${state}`, async () => (await stateOf(sync)) === state);
  return sync;
};

async function inDatabase(deployment: string, sql: string, values: unknown[] = []): Promise<Record<string, string>[]> {
  const client = new Postgres({ connectionString: endpointsOf(deployment, engines.endpoints).databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

async function publishedNow(): Promise<{ path: string; sha256: string }[]> {
  const found: { path: string; sha256: string }[] = [];
  for (const name of [...FILES, 'readings']) {
    const { items } = await system.get<{ items: { version: number }[] }>(`/api/v1/datasets/${name}/versions`);
    for (const { version } of items) {
      const manifest = manifestSchema.parse(await system.get(`/api/v1/datasets/${name}/versions/${version}/manifest`));
      for (const file of manifest.files)
        found.push({ path: `/data/${name}/v${version}/${file.name}`, sha256: file.sha256 });
    }
  }
  return found;
}

const served = async (path: string): Promise<Buffer> => {
  const response = await fetch(new URL(path, system.apiUrl));
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
};
const everythingServed = async (): Promise<string[]> => {
  const wrong: string[] = [];
  for (const { path, sha256 } of published) {
    const bytes = await served(path).catch(() => Buffer.alloc(0));
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) wrong.push(path);
  }
  return wrong;
};
const valuesServed = async (): Promise<number[]> =>
  (await served('/data/readings/latest/data.csv'))
    .toString()
    .trimEnd()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => Number(line.split(',')[0]))
    .sort((a, b) => a - b);
const valuesOfSource = (): number[] =>
  table
    .prepare('SELECT value FROM readings ORDER BY value')
    .all()
    .map((row) => Number((row as { value: number }).value));

const start = (deployment: string): Promise<System> =>
  startSystem({ home: join(folder, deployment), fileRoots: [sources], engines, deployment });
/** What was on its way has come to an end, but for what waits for a person. */
const settled = (deployment: string): Promise<void> =>
  waitFor(
    'every sync that was open at the cut to end',
    async () =>
      (
        await inDatabase(
          deployment,
          `SELECT id FROM sync WHERE state NOT IN ('published', 'unchanged', 'superseded', 'held', 'failed')`,
        )
      ).length === 0,
    120_000,
  );

let landed: string;
let delivered: string;
let held: string;
let after: string;

beforeAll(async () => {
  mkdirSync(sources, { recursive: true });
  table = new Database(join(sources, 'source.db'));
  table.exec('PRAGMA journal_mode = WAL; CREATE TABLE readings (value integer, at integer)');
  for (let value = 1; value <= 50; value++) append(value);
  for (const name of FILES) write(name, 0);
  system = await start(lost);
  await system.apply([
    { apiVersion, kind: 'Department', metadata: { name: 'water-bureau' }, spec: { title: '水务局' } },
    { apiVersion, kind: 'Domain', metadata: { name: 'water' }, spec: { title: '水务' } },
    ...FILES.flatMap((name) =>
      dataset(name, { kind: 'file', mode: 'full', config: { path: join(sources, `${name}.csv`) } }, ['id']),
    ),
    ...dataset(
      'readings',
      {
        kind: 'sqlite',
        mode: 'append',
        config: { path: join(sources, 'source.db'), table: 'readings', cursor: { column: 'at' } },
      },
      [],
    ),
  ]);
  expect(await system.sync({ all: true })).toMatchObject({ published: FILES.length + 1, failures: [] });
}, 180_000);

afterAll(async () => {
  await system?.stop({ wipe: true });
  table?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

test('a backup is taken while syncs run, and another into the same folder copies only what is new', async () => {
  let [revision, going] = [0, true];
  const load = (async () => {
    while (going) {
      revision++;
      for (const name of FILES.slice(0, 8)) write(name, revision);
      append(100 + revision);
      await system.sync({ all: true });
    }
  })();
  await waitFor('the load to have published', async () => revision > 1);
  published = await publishedNow();
  const first = await songhua(lost, 'backup', '--to', saved);
  tell('first backup, under load', first);
  const begun = revision;
  await waitFor('the load to have gone on', async () => revision > begun);
  going = false;
  await load;

  // A hold, a landed sync without a worker and a delivered one without landing are open when the cut is made.
  write('files-8', 1, 10);
  held = await inState('files-8', 'held');
  published = await publishedNow();
  await system.service('refresh').stop();
  write('files-0', 1_000);
  landed = await inState('files-0', 'landed');
  await system.service('landing').stop();
  write('files-1', 1_000);
  append(1_000);
  delivered = await inState('files-1', 'delivered');
  await inState('readings', 'delivered');
  const second = await songhua(lost, 'backup', '--to', saved);
  tell('second backup, into the same folder', second);
  expect(second.totals.openSyncs).toBeGreaterThanOrEqual(4);
  expect(second.objects.copied).toBeLessThan(second.objects.count);
  expect(first.objects.copied).toBe(first.objects.count);

  // After the cut: nobody who reads the backup knows of this one, whose batches lie in Kafka.
  write('files-2', 1_000);
  after = await inState('files-2', 'delivered');
  tell('a check of the folder alone', await songhua(lost, 'restore', '--from', saved, '--check'));
}, 240_000);

test('on new engines everything is served as before the cut, and what came after it is read again', async () => {
  await Promise.all([...system.services.values()].map((service) => service.stop()));
  const old = system;
  // Its services run, as after "songhua up", and go on with what is restored under them.
  system = await start(anew);
  try {
    const restored = await songhua(anew, 'restore', '--from', saved, '--verify');
    tell('restore and verify', restored);
    expect(restored.verdict).toMatchObject({ ok: true, problems: [], audit: { ok: true } });
    expect(restored.verdict.current).toBe(FILES.length + 1);
    expect(restored).toMatchObject({ readAgain: 2, handedOver: 1, announced: FILES.length + 1 });
    await expect(songhua(anew, 'restore', '--from', saved)).rejects.toThrow('restore.not-empty');
    expect(await everythingServed()).toEqual([]);
    await settled(anew);
    const states = await inDatabase(anew, 'SELECT id, state FROM sync WHERE id = ANY ($1)', [
      [landed, delivered, held, after],
    ]);
    expect(Object.fromEntries(states.map(({ id, state }) => [id, state]))).toEqual({
      [landed]: 'published',
      [delivered]: 'published',
      [held]: 'held',
    });
    expect(await system.sync({ all: true })).toMatchObject({ failures: [expect.objectContaining({ state: 'held' })] });
    expect((await served('/data/files-2/latest/data.csv')).toString()).toContain('of revision 1000');
    expect(await valuesServed()).toEqual(valuesOfSource());
    await system.post(`/api/v1/holds/${await heldNow()}:decide`, { approve: true, reason: 'the drill' });
    await settled(anew);
    expect(await everythingServed()).toEqual([]);
    expect(await violations(system)).toEqual([]);
    expect([...(await announcedLast(namesOf(anew).topics.versions)).keys()].sort()).toEqual(
      [...FILES, 'readings'].sort(),
    );
    expect(await system.post('/api/v1/audit:verify', {})).toMatchObject({ ok: true });
  } finally {
    await system.stop({ wipe: true });
    system = old;
  }
}, 300_000);

test('with the old engines and a lost database, syncs that nobody knows any more end in landing and wedge nothing', async () => {
  const name = namesOf(lost).database;
  await inDatabase('', `DROP DATABASE ${name} WITH (FORCE)`);
  tell('restore beside the old bucket', await songhua(lost, 'restore', '--from', saved, '--verify'));
  system = await start(lost);
  await waitFor('the sync that is not known to end in landing', async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${system.service('landing').port}/metrics`)).text();
    return /result="sync\.unknown".*\} [1-9]/.test(metrics);
  });
  await settled(lost);
  append(2_000);
  for (const file of FILES.slice(0, 8)) write(file, 2_000);
  const outcome = await system.sync({ all: true });
  expect(outcome).toMatchObject({ total: FILES.length + 1, published: 9, held: 1, failed: 0 });
  expect(await valuesServed()).toEqual(valuesOfSource());
  expect(await everythingServed()).toEqual([]);
  expect(await violations(system)).toEqual([]);
  expect(JSON.parse(await cliOf(system)('recover', '--json'))).toEqual({ handedOver: 0, readAgain: [] });
}, 300_000);

const cliOf = ({ apiUrl, operatorKey }: System) =>
  songhuaIn({ cwd: folder, env: { SONGHUA_API: apiUrl, SONGHUA_API_KEY: operatorKey } });

const heldNow = async (): Promise<string> =>
  (await system.get<{ items: { id: string }[] }>('/api/v1/holds')).items[0]?.id ?? '';

/** The last announcement of each dataset on a topic. */
async function announcedLast(topic: string): Promise<Map<string, number>> {
  const last = new Map<string, number>();
  const consumer = await createKafkaMessaging({ brokers: engines.endpoints.brokers, clientId: 'restore-test' }).consume(
    {
      group: `test.${randomBytes(8).toString('hex')}`,
      topic,
      deadLetterTopic: topic,
      handlerFor: () => ({
        async handle({ value }) {
          const { data } = versionEventSchema.parse(JSON.parse(value.toString()));
          last.set(data.dataset, data.version);
        },
        resumeOffset: () => undefined,
      }),
    },
  );
  try {
    await waitFor('the announcement of every dataset', async () => last.size === FILES.length + 1);
  } finally {
    await consumer.close();
  }
  return last;
}
