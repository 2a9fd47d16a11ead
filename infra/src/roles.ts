import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { DatabaseRoles } from '@songhua/catalog';
import { codeOf } from '@songhua/domain';
import type { Client } from 'pg';
import { besideDatabase, NOT_OWNER, unless } from './database.js';
import type { Endpoints } from './endpoints.js';
import { infraError } from './errors.js';

// As PostgreSQL makes them itself.
const ITERATIONS = 4096;
const SALT_BYTES = 16;
const KEY_BYTES = 32;

/**
 * Creates the roles that the services' URLs name, with their passwords, and lets them alone connect to the database; answers the roles by
 * service, without those of services that connect as the owner. Roles that somebody else made stay as they are. Throws `usage.role` where one
 * is missing and may not be created.
 */
export async function ensureRoles({ databaseUrl, serviceDatabaseUrls }: Endpoints): Promise<DatabaseRoles> {
  const owner = userOf(databaseUrl).name;
  const wanted = Object.entries(serviceDatabaseUrls)
    .map(([service, url]) => ({ service, ...userOf(url) }))
    .filter(({ name }) => name !== owner);
  if (wanted.length === 0) return {};
  await besideDatabase(databaseUrl, async (client, database) => {
    // Replicas of `declare` would change the same rows at once. It goes with the connection.
    await client.query(`SELECT pg_advisory_lock(hashtext('songhua.roles'))`);
    for (const { name, password } of wanted) await ensureRole(client, name, password);
    const quoted = client.escapeIdentifier(database);
    const names = wanted.map(({ name }) => client.escapeIdentifier(name)).join(', ');
    await client.query(`GRANT CONNECT ON DATABASE ${quoted} TO ${names}`).catch(unless(NOT_OWNER));
    // A role of another deployment on this server would find nothing that it may read, but locks that it may hold.
    await client.query(`REVOKE CONNECT, TEMPORARY ON DATABASE ${quoted} FROM PUBLIC`).catch(unless(NOT_OWNER));
  });
  return Object.fromEntries(wanted.map(({ service, name }) => [service, name]));
}

async function ensureRole(client: Client, name: string, password: string): Promise<void> {
  const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [name]);
  const role = client.escapeIdentifier(name);
  const how = `${rowCount ? 'ALTER' : 'CREATE'} ROLE ${role} LOGIN`;
  try {
    await client.query(`${how} PASSWORD ${client.escapeLiteral(verifierOf(password))}`);
  } catch (error) {
    if (codeOf(error) !== NOT_OWNER) throw error;
    if (rowCount) return;
    throw infraError(
      'usage.role',
      `the user of SONGHUA_DATABASE_URL may not create role ${name}: let somebody who may run \`CREATE ROLE ${role} LOGIN PASSWORD '…'\` first, or give all services the URL of the owner`,
      { cause: error },
    );
  }
}

/** What the server keeps of a password, so that no statement, and no log of one, holds the password itself (RFC 5803). */
function verifierOf(password: string): string {
  const salt = randomBytes(SALT_BYTES);
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, ITERATIONS, KEY_BYTES, 'sha256');
  const keyed = (label: string): Buffer => createHmac('sha256', salted).update(label).digest();
  const stored = createHash('sha256').update(keyed('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${keyed('Server Key').toString('base64')}`;
}

function userOf(url: string): { name: string; password: string } {
  const { username, password } = new URL(url);
  return { name: decodeURIComponent(username), password: decodeURIComponent(password) };
}
