import type { DeclareOptions } from './declare.js';
import type { Endpoints } from './endpoints.js';

/*
 * What is declared, for whoever has running engines already. The clients are loaded only here, because whoever merely asks for a
 * status needs none of them.
 */

/** Makes topics, namespace, bucket and database of a deployment in running engines (`endpointsOf`). Idempotent. */
export async function declareDeployment(options: DeclareOptions): Promise<void> {
  await (await import('./declare.js')).declareAll(options);
}

/** Removes a named deployment and its data from running engines, which others may share. Throws `usage.deployment` for the default one. */
export async function wipeDeployment(endpoints: Endpoints): Promise<void> {
  await (await import('./declare.js')).wipeAll(endpoints);
}

/** Lets the operator whose key this is in, if nobody has it yet; the database is migrated. */
export async function ensureOperator(databaseUrl: string, key: string): Promise<void> {
  const { createCatalog } = await import('@songhua/catalog');
  const catalog = createCatalog({ databaseUrl, poolSize: 1 });
  try {
    await catalog.access.ensureOperator(key);
  } finally {
    await catalog.close();
  }
}
