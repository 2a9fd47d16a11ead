import { namesOf } from '@songhua/contracts';
import { codeOf } from '@songhua/domain';
import { Client } from 'pg';
import type { Endpoints } from './endpoints.js';
import { infraError } from './errors.js';

const DUPLICATE_DATABASE = '42P04';
/** Of a statement that the user may not run. */
export const NOT_OWNER = '42501';
const IN_USE = '2BP01';

/**
 * Creates the database that the endpoints name when it is not there, and marks it as the deployment's. Throws `usage.deployment` when
 * it is another's: two in one database would run each other's syncs.
 */
export async function ensureDatabase({ databaseUrl, deployment }: Endpoints): Promise<void> {
  await besideDatabase(databaseUrl, async (client, name) => {
    const quoted = client.escapeIdentifier(name);
    await client.query(`CREATE DATABASE ${quoted}`).catch(unless(DUPLICATE_DATABASE));
    const { rows } = await client.query<{ owner: string | null }>(
      "SELECT shobj_description(oid, 'pg_database') AS owner FROM pg_database WHERE datname = $1",
      [name],
    );
    const mark = `Songhua deployment ${JSON.stringify(deployment)}`;
    const owner = rows[0]?.owner ?? undefined;
    if (owner === undefined) {
      // Where a database was given to us that is not ours, its owner sees to it.
      await client.query(`COMMENT ON DATABASE ${quoted} IS ${client.escapeLiteral(mark)}`).catch(unless(NOT_OWNER));
    } else if (owner.startsWith('Songhua deployment ') && owner !== mark) {
      throw infraError(
        'usage.deployment',
        `database ${name} is of ${owner}, not of ${mark}: name a database of its own in SONGHUA_DATABASE_URL, or correct SONGHUA_DEPLOYMENT`,
      );
    }
  });
}

/** Removes the database that the URL names with the roles of its services, when they are there, whoever is connected to it. */
export async function dropDatabase({ databaseUrl, deployment }: Endpoints): Promise<void> {
  await besideDatabase(databaseUrl, async (client, name) => {
    await client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(name)} WITH (FORCE)`);
    // A role that has rights elsewhere, or is somebody else's, is not ours alone to remove.
    for (const role of Object.values(namesOf(deployment).roles))
      await client.query(`DROP ROLE IF EXISTS ${client.escapeIdentifier(role)}`).catch(unless(IN_USE, NOT_OWNER));
  });
}

/** Runs `work` on the same server, but not in the database itself, with its name. */
export async function besideDatabase(
  databaseUrl: string,
  work: (client: Client, name: string) => Promise<unknown>,
): Promise<void> {
  const url = new URL(databaseUrl);
  const name = decodeURIComponent(url.pathname.slice(1));
  url.pathname = '/postgres';
  const client = new Client({ connectionString: url.href });
  await client.connect();
  try {
    await work(client, name);
  } finally {
    await client.end();
  }
}

export const unless =
  (...codes: string[]) =>
  (error: unknown): void => {
    if (!codes.includes(codeOf(error) ?? '')) throw error;
  };
