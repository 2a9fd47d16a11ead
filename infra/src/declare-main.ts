import { applyMigrations } from '@songhua/catalog';
import { z } from 'zod';
import { declare } from './declare.js';
import { endpointsSchema } from './endpoints.js';
import { ENGINE_NAMES } from './engines/types.js';
import { readJson } from './files.js';

/*
 * A program of its own that ends, so that the clients it needs are not kept in the supervisor's memory.
 * Arguments: the endpoints file, and the folder of the Temporal build when the namespace is ours to declare.
 */
async function main(): Promise<void> {
  const endpoints = endpointsSchema.parse(readJson(z.string().parse(process.argv[2])));
  const options = { endpoints, temporalBuild: process.argv[3], onDatabaseReady: applyMigrations };
  await Promise.all(ENGINE_NAMES.map((engine) => declare(engine, options)));
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exit(1);
  },
);
