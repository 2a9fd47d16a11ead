import { applyMigrations } from '@songhua/catalog';
import { declare } from './declare.js';
import { endpointsFromEnvironment, endpointsSchema } from './endpoints.js';
import { ENGINE_NAMES } from './engines/types.js';
import { readJson } from './files.js';

/*
 * A program of its own that ends, so that the clients it needs are not kept in the supervisor's memory.
 * Arguments: the endpoints file, and the folder of the Temporal build when the namespace is ours to declare. Without arguments the
 * endpoints are the environment's, as every service reads them.
 */
async function main(): Promise<void> {
  const [, , file, temporalBuild] = process.argv;
  const endpoints = file ? endpointsSchema.parse(readJson(file)) : endpointsFromEnvironment(process.env);
  const options = { endpoints, temporalBuild, onDatabaseReady: applyMigrations };
  await Promise.all(ENGINE_NAMES.map((engine) => declare(engine, options)));
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exit(1);
  },
);
