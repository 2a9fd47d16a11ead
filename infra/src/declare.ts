import { join } from 'node:path';
import { codeOf } from '@songhua/domain';
import { createKafkaMessaging } from '@songhua/messaging';
import { createMinioStore } from '@songhua/object-store';
import { retry } from '@songhua/runtime';
import { Client as PostgresClient } from 'pg';
import { run } from './builds/run.js';
import { DATABASE, TEMPORAL_RETENTION, TOPICS } from './declared.js';
import type { Endpoints } from './endpoints.js';
import type { EngineName } from './engines/types.js';

const CALL_TIMEOUT_MS = 30_000;
const POSTGRES_DUPLICATE_DATABASE = '42P04';

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
async function declareRetention(temporalBuild: string, address: string, namespace: string): Promise<void> {
  await run(
    join(temporalBuild, 'temporal'),
    ['operator', 'namespace', 'update', '--address', address, '--retention', TEMPORAL_RETENTION, '-n', namespace],
    { cwd: temporalBuild, timeoutMs: CALL_TIMEOUT_MS },
  );
}

export interface DeclareOptions {
  endpoints: Endpoints;
  /** Folder of the Temporal build, or undefined where somebody else declares the namespace. */
  temporalBuild?: string | undefined;
  onDatabaseReady?: ((databaseUrl: string) => Promise<unknown>) | undefined;
}

/** Applies what is declared for one engine. Idempotent. */
export async function declare(engine: EngineName, options: DeclareOptions): Promise<void> {
  const { endpoints } = options;
  if (engine === 'kafka') {
    const messaging = createKafkaMessaging({ brokers: endpoints.brokers, clientId: 'songhua-declare' });
    await messaging.ensureTopics([...TOPICS]);
  } else if (engine === 'object-store') {
    const store = createMinioStore(endpoints.s3);
    // A store answers its readiness probe a moment before it takes writes.
    await retry(() => store.ensureBucket(), { tries: 10, baseMs: 200, maxMs: 2_000 });
  } else if (engine === 'temporal') {
    if (options.temporalBuild === undefined) return;
    await declareRetention(options.temporalBuild, endpoints.temporalAddress, endpoints.temporalNamespace);
  } else {
    await declareDatabase(endpoints.databaseUrl);
    await options.onDatabaseReady?.(endpoints.databaseUrl);
  }
}
