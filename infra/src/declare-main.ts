import { applyMigrations, createCatalog } from '@songhua/catalog';
import { declare } from './declare.js';
import { endpointsFromEnvironment, endpointsSchema } from './endpoints.js';
import { ENGINE_NAMES } from './engines/types.js';
import { readJson } from './files.js';

/*
 * A program of its own that ends, so that the clients it needs are not kept in the supervisor's memory.
 * Arguments: the endpoints file, and the folder of the Temporal build when the namespace is ours to declare. Without arguments the
 * endpoints are the environment's, as every service reads them. SONGHUA_OPERATOR_KEY is the key of the first operator, if there is to be one.
 */
async function main(): Promise<void> {
  const [, , file, temporalBuild] = process.argv;
  const endpoints = file ? endpointsSchema.parse(readJson(file)) : endpointsFromEnvironment(process.env);
  const options = { endpoints, temporalBuild, onDatabaseReady: prepareDatabase };
  await Promise.all(ENGINE_NAMES.map((engine) => declare(engine, options)));
}

async function prepareDatabase(databaseUrl: string): Promise<void> {
  await applyMigrations(databaseUrl);
  const key = process.env.SONGHUA_OPERATOR_KEY;
  if (!key) return;
  const catalog = createCatalog({ databaseUrl, poolSize: 1 });
  try {
    await catalog.access.ensureOperator(key);
  } finally {
    await catalog.close();
  }
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exit(1);
  },
);
