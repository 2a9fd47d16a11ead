import { join, resolve } from 'node:path';
import { startEngines } from '@songhua/infra';
// Without extension: Jest loads its global setup by Node's own resolution, which knows no '.js' for '.ts'.
import { containersAnswer, startContainers } from './containers';

const root = resolve(__dirname, '../..');

/**
 * Starts one set of real engines for the whole run (containers where a Docker engine answers), and tells the tests by environment variables. Inside
 * them every test has databases, buckets, topics and groups of its own. Engines named by the environment already are used instead.
 */
export default async function globalSetup(): Promise<void> {
  if (process.env.SONGHUA_TEST_DATABASE_URL) return;
  const home = process.env.SONGHUA_TEST_HOME ?? join(root, '.songhua-test');
  const engines = (await containersAnswer())
    ? await startContainers()
    : await startEngines({ home: join(home, 'engines'), mode: 'native', objectStore: 'minio' });
  const { endpoints } = engines;
  Object.assign(process.env, {
    SONGHUA_TEST_HOME: home,
    SONGHUA_TEST_KAFKA_BROKERS: endpoints.brokers.join(','),
    SONGHUA_TEST_TEMPORAL_ADDRESS: endpoints.temporalAddress,
    SONGHUA_TEST_DATABASE_URL: endpoints.databaseUrl,
    SONGHUA_TEST_S3_ENDPOINT: endpoints.s3.endpoint,
    SONGHUA_TEST_S3_ACCESS_KEY: endpoints.s3.accessKey,
    SONGHUA_TEST_S3_SECRET_KEY: endpoints.s3.secretKey,
  });
  // Who breaks off a run leaves nothing behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void engines.stop().finally(() => process.exit(1)));
  (globalThis as { songhuaEngines?: { stop(): Promise<void> } }).songhuaEngines = engines;
}
