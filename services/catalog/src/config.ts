import { CREDENTIAL_ROLES, type Role } from '@songhua/domain';
import { sections } from '@songhua/runtime';
import { z } from 'zod';
import { retentionSchema } from './collection/policy.js';

const roleNames = z
  .string()
  .default('')
  .transform((text) =>
    text
      .split(',')
      .filter((pair) => pair.trim() !== '')
      .map((pair) => pair.split('=').map((part) => part.trim())),
  )
  .pipe(z.array(z.tuple([z.string().min(1), z.enum(CREDENTIAL_ROLES)])))
  .transform((pairs): Record<string, Role> => Object.fromEntries(pairs));

/** What the catalog service reads from the environment. */
export const configSchema = z.object({
  ...sections.deployment.shape,
  ...sections.http.shape,
  ...sections.kafka.shape,
  ...sections.objectStore.shape,
  ...sections.database.shape,
  ...sections.files.shape,
  ...sections.temporal.shape,
  ...sections.lanes.shape,
  SONGHUA_CONNECTOR_URL: z.url(),
  ...sections.internal.shape,
  ...retentionSchema.shape,
  /** Bearer tokens of this issuer are accepted; unset: API keys only. To the letter as its tokens write it. */
  SONGHUA_OIDC_ISSUER: z.url({ protocol: /^https?$/ }).optional(),
  SONGHUA_OIDC_AUDIENCE: z.string().min(1).default('songhua'),
  /** Claim with the role or roles, its name or a path such as `realm_access.roles`. */
  SONGHUA_OIDC_ROLE_CLAIM: z.string().min(1).default('songhua_role'),
  /** What the issuer calls our roles, as in `city-admins=operator,editors=department`. */
  SONGHUA_OIDC_ROLES: roleNames,
  SONGHUA_OIDC_DEPARTMENT_CLAIM: z.string().min(1).default('songhua_department'),
  /** Public keys of the issuer for development, which is then served below SONGHUA_OIDC_ISSUER. */
  SONGHUA_DEV_ISSUER_KEYS: z.string().optional(),
  /** Largest body that departments may push, in bytes. */
  SONGHUA_PUSH_MAX_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(1024 ** 3),
  /** Local copies of version files, in MiB of disk. */
  SONGHUA_CATALOG_CACHE_MB: z.coerce.number().int().min(64).default(2048),
  /** DuckDB, for rows, differences and renders; loaded by the first request that needs it. */
  SONGHUA_CATALOG_MEMORY_MB: z.coerce.number().int().min(64).default(256),
});
export type CatalogConfig = z.infer<typeof configSchema>;
