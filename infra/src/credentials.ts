import { randomBytes } from 'node:crypto';
import { namesOf } from '@songhua/contracts';
import { z } from 'zod';
import { DATABASE_USER, SERVICE_NAMES } from './declared.js';
import type { Engines } from './endpoints.js';
import { readJson, writeJson } from './files.js';

const credentialsSchema = z.object({
  s3AccessKey: z.string(),
  s3SecretKey: z.string(),
  /** Of the owner of the databases. */
  databasePassword: z.string(),
  /** Of the roles that services connect as; made with the next start where an earlier one made none. */
  rolePasswords: z.record(z.enum(SERVICE_NAMES), z.string()).optional(),
});
type Kept = z.infer<typeof credentialsSchema>;
export type Credentials = Kept & { rolePasswords: NonNullable<Kept['rolePasswords']> };

// Hex only, so that no shell, URL or connection string needs to escape it.
const secret = (bytes: number): string => randomBytes(bytes).toString('hex');

/** The state folder's own credentials, made at its first start and readable by its owner only. */
export function ensureCredentials(path: string): Credentials {
  const found = readJson(path);
  const existing = found === undefined ? undefined : credentialsSchema.parse(found);
  if (existing?.rolePasswords) return { ...existing, rolePasswords: existing.rolePasswords };
  const fresh: Credentials = {
    s3AccessKey: `songhua-${secret(6)}`,
    s3SecretKey: secret(24),
    databasePassword: secret(24),
    ...existing,
    rolePasswords: { connector: secret(24), landing: secret(24), refresh: secret(24), catalog: secret(24) },
  };
  writeJson(path, fresh, 0o600);
  return fresh;
}

/** The database server at `address` (host and port), for its owner and for the role of each service. */
export function databaseUrlsOf(
  { databasePassword, rolePasswords }: Credentials,
  address: string,
): Pick<Engines, 'databaseUrl' | 'serviceDatabaseUrls'> {
  const as = (user: string, password: string): string => `postgresql://${user}:${password}@${address}`;
  const { roles } = namesOf('');
  return {
    databaseUrl: as(DATABASE_USER, databasePassword),
    serviceDatabaseUrls: Object.fromEntries(
      SERVICE_NAMES.map((service) => [service, as(roles[service], rolePasswords[service])]),
    ),
  };
}
