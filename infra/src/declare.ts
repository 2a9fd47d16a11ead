import type { DatabaseRoles } from '@songhua/catalog';
import { namesOf } from '@songhua/contracts';
import { deleteNamespace, ensureNamespace } from '@songhua/lanes';
import { createKafkaMessaging, type Messaging } from '@songhua/messaging';
import { createMinioStore } from '@songhua/object-store';
import { retry } from '@songhua/runtime';
import { dropDatabase, ensureDatabase } from './database.js';
import { TEMPORAL_RETENTION_MS, topicsOf } from './declared.js';
import type { Endpoints } from './endpoints.js';
import { ENGINE_NAMES, type EngineName } from './engines/types.js';
import { infraError } from './errors.js';
import { ensureRoles } from './roles.js';

export interface DeclareOptions {
  endpoints: Endpoints;
  /** Runs when the database and the roles of the services are there: migrations, which give the roles what they may do. */
  onDatabaseReady?: ((databaseUrl: string, roles: DatabaseRoles) => Promise<unknown>) | undefined;
}

/** Applies what a deployment declares in all engines. Idempotent. */
export async function declareAll(options: DeclareOptions): Promise<void> {
  // All must have settled before a failure is told, or one could still be made while the caller wipes it.
  const made = await Promise.allSettled(ENGINE_NAMES.map((engine) => declare(engine, options)));
  const failed = made.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Applies what is declared for one engine. Idempotent. */
export async function declare(engine: EngineName, { endpoints, onDatabaseReady }: DeclareOptions): Promise<void> {
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
    await ensureDatabase(endpoints);
    await onDatabaseReady?.(endpoints.databaseUrl, await ensureRoles(endpoints));
  }
}

/** Removes what a deployment has in all engines, with all its data; its services must have ended. */
export async function wipeAll(endpoints: Endpoints): Promise<void> {
  const { deployment, topics, bucketPrefix } = namesOf(endpoints.deployment);
  // Its keys have nothing before them, so they cannot be told from those of others.
  if (deployment === '')
    throw infraError('usage.deployment', 'the default deployment goes with its engines only: songhua down --wipe');
  const store = createMinioStore({ ...endpoints.s3, prefix: bucketPrefix });
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  await Promise.all([
    messagingOf(endpoints).deleteTopics(Object.values(topics)),
    deleteNamespace({ address: endpoints.temporalAddress, namespace: endpoints.temporalNamespace }),
    store.delete(keys),
    dropDatabase(endpoints),
  ]);
}

const messagingOf = ({ brokers }: Endpoints): Messaging =>
  createKafkaMessaging({ brokers, clientId: 'songhua-declare' });
