import { randomBytes } from 'node:crypto';
import { afterAll, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { declareDeployment, type Endpoints, endpointsOf, wipeDeployment } from '../src/index.js';

const told = (name: string): string => {
  const value = process.env[`SONGHUA_TEST_${name}`];
  if (!value) throw new Error(`SONGHUA_TEST_${name} is not set: \`npm test\` sets it`);
  return value;
};
const shared: Endpoints = endpointsOf('', {
  brokers: told('KAFKA_BROKERS').split(','),
  temporalAddress: told('TEMPORAL_ADDRESS'),
  s3: {
    endpoint: told('S3_ENDPOINT'),
    accessKey: told('S3_ACCESS_KEY'),
    secretKey: told('S3_SECRET_KEY'),
    bucket: 'songhua',
  },
  databaseUrl: told('DATABASE_URL'),
});
const run = randomBytes(4).toString('hex');
const [one, other] = [endpointsOf(`one-${run}`, shared), endpointsOf(`other-${run}`, shared)];

afterAll(() => Promise.all([one, other].map(wipeDeployment)), 60_000);

test('what is declared again stays as it is', async () => {
  for (let i = 0; i < 2; i++) await declareDeployment({ endpoints: one });
  expect(one).toMatchObject({ temporalNamespace: `one-${run}-songhua`, s3: { bucket: 'songhua' } });
  expect(new URL(one.databaseUrl).pathname).toBe(`/songhua_one_${run}`);
});

test('a database of one deployment is refused to another, and its migrations do not run', async () => {
  let migrated = false;
  const onDatabaseReady = async (): Promise<void> => {
    migrated = true;
  };
  const mistaken = { ...other, databaseUrl: one.databaseUrl };
  await expect(declareDeployment({ endpoints: mistaken, onDatabaseReady })).rejects.toMatchObject({
    code: 'usage.deployment',
    actor: 'operator',
    message: expect.stringContaining(`one-${run}`),
  });
  expect(migrated).toBe(false);
});

test('what is not there is wiped without an error, and the default deployment never is', async () => {
  await wipeDeployment(endpointsOf(`never-${run}`, shared));
  await expect(wipeDeployment(shared)).rejects.toMatchObject({ code: 'usage.deployment' });
  const client = new Client({ connectionString: shared.databaseUrl });
  await client.connect();
  const there = await client.query('SELECT current_database() AS name');
  await client.end();
  expect(there.rows).toHaveLength(1);
});
