import { namesOf } from '@songhua/contracts';
import { codeOf } from '@songhua/domain';
import { deleteNamespace, ensureNamespace } from '@songhua/lanes';
import { createKafkaMessaging } from '@songhua/messaging';
import { createMinioStore } from '@songhua/object-store';
import { retry } from '@songhua/runtime';
import { Client as PostgresClient } from 'pg';
import { TEMPORAL_RETENTION_MS, topicsOf } from './declared.js';
import type { Endpoints } from './endpoints.js';
import { ENGINE_NAMES, type EngineName } from './engines/types.js';
import { infraError } from './errors.js';

const POSTGRES_DUPLICATE_DATABASE = '42P04';

/** Creates the database that `databaseUrl` names when it is not there. */
export async function declareDatabase(databaseUrl: string): Promise<void> {
  await besideDatabase(databaseUrl, async (client, name) => {
    await client.query(`CREATE DATABASE ${name}`).catch((error: unknown) => {
      if (codeOf(error) !== POSTGRES_DUPLICATE_DATABASE) throw error;
    });
  });
}

/** Runs `work` on the same server, with the name of the database as SQL writes it. */
async function besideDatabase(
  databaseUrl: string,
  work: (client: PostgresClient, name: string) => Promise<unknown>,
): Promise<void> {
  const url = new URL(databaseUrl);
  const name = decodeURIComponent(url.pathname.slice(1));
  url.pathname = '/postgres';
  const client = new PostgresClient({ connectionString: url.href });
  await client.connect();
  try {
    await work(client, client.escapeIdentifier(name));
  } finally {
    await client.end();
  }
}

export interface DeclareOptions {
  endpoints: Endpoints;
  onDatabaseReady?: ((databaseUrl: string) => Promise<unknown>) | undefined;
}

/** Applies what a deployment declares in all engines. Idempotent. */
export async function declareAll(options: DeclareOptions): Promise<void> {
  await Promise.all(ENGINE_NAMES.map((engine) => declare(engine, options)));
}

/** Applies what is declared for one engine. Idempotent. */
export async function declare(engine: EngineName, options: DeclareOptions): Promise<void> {
  const { endpoints } = options;
  if (engine === 'kafka') {
    await messagingOf(endpoints).ensureTopics(topicsOf(namesOf(endpoints.deployment)));
  } else if (engine === 'object-store') {
    const store = createMinioStore(endpoints.s3);
    // A store answers its readiness probe a moment before it takes writes.
    await retry(() => store.ensureBucket(), { tries: 10, baseMs: 200, maxMs: 2_000 });
  } else if (engine === 'temporal') {
    const { temporalAddress: address, temporalNamespace: namespace } = endpoints;
    await ensureNamespace({ address, namespace, retentionMs: TEMPORAL_RETENTION_MS });
  } else {
    await declareDatabase(endpoints.databaseUrl);
    await options.onDatabaseReady?.(endpoints.databaseUrl);
  }
}

const messagingOf = ({ brokers }: Endpoints) => createKafkaMessaging({ brokers, clientId: 'songhua-declare' });

/**
 * Removes a deployment from the engines, with all its data: topics, namespace, keys and database. Others that share them keep theirs.
 * Its services must have ended. The default one is refused, because its keys have nothing before them: `down --wipe` removes its engines.
 */
export async function wipeDeployment(endpoints: Endpoints): Promise<void> {
  const { deployment, topics, bucketPrefix } = namesOf(endpoints.deployment);
  if (deployment === '')
    throw infraError(
      'usage.deployment',
      'name the deployment to remove; songhua down --wipe removes the engines of the default one',
    );
  const store = createMinioStore({ ...endpoints.s3, prefix: bucketPrefix });
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  await Promise.all([
    messagingOf(endpoints).deleteTopics(Object.values(topics)),
    deleteNamespace({ address: endpoints.temporalAddress, namespace: endpoints.temporalNamespace }),
    store.delete(keys),
    besideDatabase(endpoints.databaseUrl, (client, name) =>
      client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
    ),
  ]);
}
