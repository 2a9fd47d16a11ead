import { join } from 'node:path';
import { codeOf } from '@songhua/domain';
import { Kafka, logLevel } from 'kafkajs';
import { Client as MinioClient } from 'minio';
import { Client as PostgresClient } from 'pg';
import { run } from './builds/run.js';
import { DATABASE, type DeclaredTopic, TEMPORAL_RETENTION, TOPICS } from './declared.js';
import type { Endpoints } from './endpoints.js';

const CALL_TIMEOUT_MS = 30_000;
const POSTGRES_DUPLICATE_DATABASE = '42P04';

/** Creates the topics that are not there. */
export async function declareTopics(brokers: string[], topics: readonly DeclaredTopic[] = TOPICS): Promise<void> {
  const admin = new Kafka({ clientId: 'songhua-declare', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const missing = topics.filter((topic) => !existing.has(topic.name));
    if (missing.length === 0) return;
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map((topic) => ({
        topic: topic.name,
        numPartitions: topic.partitions,
        configEntries: Object.entries(topic.config).map(([name, value]) => ({ name, value })),
      })),
    });
  } finally {
    await admin.disconnect();
  }
}

/** Creates the bucket when it is not there. */
export async function declareBucket(s3: Endpoints['s3']): Promise<void> {
  const url = new URL(s3.endpoint);
  const client = new MinioClient({
    endPoint: url.hostname,
    port: Number(url.port),
    useSSL: url.protocol === 'https:',
    accessKey: s3.accessKey,
    secretKey: s3.secretKey,
    region: 'us-east-1',
  });
  if (!(await client.bucketExists(s3.bucket))) await client.makeBucket(s3.bucket);
}

/** Creates the database that `databaseUrl` names when it is not there. */
export async function declareDatabase(databaseUrl: string): Promise<void> {
  const url = new URL(databaseUrl);
  const name = url.pathname.slice(1) || DATABASE;
  url.pathname = '/postgres';
  const client = new PostgresClient({ connectionString: url.href });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE "${name.replaceAll('"', '""')}"`);
  } catch (error) {
    if (codeOf(error) !== POSTGRES_DUPLICATE_DATABASE) throw error;
  } finally {
    await client.end();
  }
}

/** Sets how long the namespace keeps closed histories; the server itself makes the namespace. */
export async function declareRetention(temporalBuild: string, address: string, namespace: string): Promise<void> {
  await run(
    join(temporalBuild, 'temporal'),
    ['operator', 'namespace', 'update', '--address', address, '--retention', TEMPORAL_RETENTION, '-n', namespace],
    { cwd: temporalBuild, timeoutMs: CALL_TIMEOUT_MS },
  );
}
