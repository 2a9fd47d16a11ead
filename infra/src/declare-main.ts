import { applyMigrations, type DatabaseRoles } from '@songhua/catalog';
import { declareAll } from './declare.js';
import { ensureOperator } from './deployment.js';
import { endpointsFromEnvironment, endpointsSchema } from './endpoints.js';
import { readJson } from './files.js';

/*
 * A program of its own that ends, so that the clients it needs are not kept in the supervisor's memory.
 * Argument: the endpoints file. Without it the endpoints are the environment's, as every service reads them. SONGHUA_OPERATOR_KEY is the key of the first operator, if there is to be one.
 */
async function main(): Promise<void> {
  const [, , file] = process.argv;
  const endpoints = file ? endpointsSchema.parse(readJson(file)) : endpointsFromEnvironment(process.env);
  await declareAll({ endpoints, onDatabaseReady: prepareDatabase });
}

async function prepareDatabase(databaseUrl: string, roles: DatabaseRoles): Promise<void> {
  await applyMigrations(databaseUrl, roles);
  const key = process.env.SONGHUA_OPERATOR_KEY;
  if (key) await ensureOperator(databaseUrl, key);
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exit(1);
  },
);
