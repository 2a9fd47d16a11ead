import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { manifestSchema, type Names, namesOf, type Resource, versionEventSchema } from '@songhua/contracts';
import { createKafkaMessaging } from '@songhua/messaging';
import { createMinioStore } from '@songhua/object-store';
import { waitFor } from '@songhua/runtime/testing';
import { Connection, Client as Temporal } from '@temporalio/client';
import { Client as Postgres } from 'pg';
import { violations } from '../harness/invariants.js';
import { type System, sharedEngines, startSystem } from '../harness/system.js';

const folder = mkdtempSync(join(tmpdir(), 'songhua-deployments-'));
const apiVersion = 'songhua/v1';
const engines = sharedEngines();
const { brokers, temporalAddress, s3, databaseUrl } = engines.endpoints;

interface Side {
  names: Names;
  source: string;
  system: System;
}
const run = randomBytes(4).toString('hex');
const sides: Side[] = [];
const side = (index: number): Side => sides[index] as Side;

const resources = (source: string): Resource[] => [
  { apiVersion, kind: 'Department', metadata: { name: 'education-bureau' }, spec: { title: '教育局' } },
  { apiVersion, kind: 'Domain', metadata: { name: 'education' }, spec: { title: '教育科技' } },
  {
    apiVersion,
    kind: 'Dataset',
    metadata: { name: 'schools' },
    spec: {
      title: '学校',
      department: 'education-bureau',
      domain: 'education',
      frequency: 'DAILY',
      primaryKey: ['id'],
      schemaPolicy: 'hold',
      guards: { maxShrink: 0.5, maxRejected: 0.1 },
    },
  },
  {
    apiVersion,
    kind: 'Connector',
    metadata: { name: 'schools' },
    spec: { dataset: 'schools', kind: 'file', mode: 'full', config: { path: source }, secrets: {} },
  },
];

beforeAll(async () => {
  // One after the other: two whole systems that start at once keep each other from being ready in time.
  for (const name of ['left', 'right']) {
    const home = join(folder, name);
    mkdirSync(join(home, 'sources'), { recursive: true });
    const source = join(home, 'sources', 'schools.csv');
    writeFileSync(source, `id,name\n1,${name} one\n2,${name} two\n`);
    const names = namesOf(`${name}-${run}`);
    const system = await startSystem({
      home,
      fileRoots: [join(home, 'sources')],
      engines,
      deployment: names.deployment,
    });
    sides.push({ names, source, system });
    await system.apply(resources(source));
  }
}, 180_000);

afterAll(async () => {
  for (const { system } of sides) await system.stop({ wipe: true });
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

const served = async ({ system }: Side): Promise<string> =>
  (await fetch(new URL('/data/schools/latest/data.csv', system.apiUrl))).text();
const keysOf = async (prefix: string): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of createMinioStore(s3).list(prefix)) keys.push(key);
  return keys;
};
const databases = async (): Promise<string[]> => {
  const client = new Postgres({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<{ datname: string }>('SELECT datname FROM pg_database')).rows.map((row) => row.datname);
  } finally {
    await client.end();
  }
};
/** What was told on a topic of announcements, from its beginning. */
const announced = async (topic: string): Promise<{ source: string; identity: string }[]> => {
  const told: { source: string; identity: string }[] = [];
  const consumer = await createKafkaMessaging({ brokers, clientId: 'deployments-test' }).consume({
    group: `test.${randomBytes(8).toString('hex')}`,
    topic,
    deadLetterTopic: topic,
    handlerFor: () => ({
      async handle({ value }) {
        const { source, data } = versionEventSchema.parse(JSON.parse(value.toString()));
        told.push({ source, identity: data.identity });
      },
      resumeOffset: () => undefined,
    }),
  });
  try {
    await waitFor(`an announcement on ${topic}`, async () => told.length > 0);
  } finally {
    await consumer.close();
  }
  return told;
};
const workflowsOf = async (namespace: string): Promise<string[]> => {
  const connection = await Connection.connect({ address: temporalAddress });
  try {
    const ids: string[] = [];
    for await (const { workflowId } of new Temporal({ connection, namespace }).workflow.list()) ids.push(workflowId);
    return ids;
  } finally {
    await connection.close();
  }
};

test('two deployments publish datasets of one name on one set of engines, and share nothing', async () => {
  const outcomes = await Promise.all(sides.map(({ system }) => system.sync({ all: true })));
  for (const outcome of outcomes) expect(outcome).toMatchObject({ total: 1, published: 1, failures: [] });

  for (const [index, own] of sides.entries()) {
    const other = side(1 - index);
    const text = await served(own);
    expect(text).toContain(own.names.deployment.startsWith('left') ? 'left one' : 'right one');
    expect(text).not.toBe(await served(other));

    const manifest = manifestSchema.parse(await own.system.get('/api/v1/datasets/schools/versions/latest/manifest'));
    expect(await announced(own.names.topics.versions)).toEqual([
      { source: `/songhua/${own.names.deployment}/catalog`, identity: manifest.identity },
    ]);
    // What is written down does not know the prefix, so that a deployment can be moved.
    for (const { key } of manifest.files) {
      expect(key).toMatch(/^datasets\//);
      expect(await keysOf(key)).toEqual([]);
      expect(await keysOf(`${own.names.bucketPrefix}${key}`)).toHaveLength(1);
    }
    await waitFor(`lanes of ${own.names.namespace} in the list`, async () => {
      const ids = await workflowsOf(own.names.namespace);
      return ids.length === 1 && ids.every((id) => id.startsWith(`${own.names.deployment}-refresh-lane-`));
    });
    expect(await violations(own.system)).toEqual([]);
  }
});

test('one that is stopped and wiped leaves nothing of itself, and the other as it was', async () => {
  const [gone, stays] = [side(0), side(1)];
  const before = await keysOf(stays.names.bucketPrefix);
  await gone.system.stop({ wipe: true });

  expect(await keysOf(gone.names.bucketPrefix)).toEqual([]);
  expect(await databases()).not.toContain(gone.names.database);
  await expect(workflowsOf(gone.names.namespace)).rejects.toThrow();
  expect(await keysOf(stays.names.bucketPrefix)).toEqual(before);

  writeFileSync(stays.source, 'id,name\n1,right one\n2,right two\n3,right three\n');
  expect(await stays.system.sync({ all: true })).toMatchObject({ published: 1, failures: [] });
  expect(await served(stays)).toContain('right three');
  expect(await violations(stays.system)).toEqual([]);
});
