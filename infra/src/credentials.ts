import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { readJson, writeJson } from './files.js';

const credentialsSchema = z.object({
  s3AccessKey: z.string(),
  s3SecretKey: z.string(),
  databasePassword: z.string(),
});
export type Credentials = z.infer<typeof credentialsSchema>;

// Hex only, so that no shell, URL or connection string needs to escape it.
const secret = (bytes: number): string => randomBytes(bytes).toString('hex');

/** The state folder's own credentials, made at its first start and readable by its owner only. */
export function ensureCredentials(path: string): Credentials {
  const existing = readJson(path);
  if (existing !== undefined) return credentialsSchema.parse(existing);
  const fresh: Credentials = {
    s3AccessKey: `songhua-${secret(6)}`,
    s3SecretKey: secret(24),
    databasePassword: secret(24),
  };
  writeJson(path, fresh, 0o600);
  return fresh;
}
