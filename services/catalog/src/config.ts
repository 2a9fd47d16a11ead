import { sections } from '@songhua/runtime';
import { z } from 'zod';

/** What the catalog service reads from the environment. */
export const configSchema = z.object({
  ...sections.http.shape,
  ...sections.kafka.shape,
  ...sections.objectStore.shape,
  ...sections.database.shape,
  ...sections.files.shape,
  SONGHUA_CONNECTOR_URL: z.url(),
  /** Local copies of version files, in MiB of disk. */
  SONGHUA_CATALOG_CACHE_MB: z.coerce.number().int().min(64).default(2048),
  /** DuckDB, for rows, differences and renders; loaded by the first request that needs it. */
  SONGHUA_CATALOG_MEMORY_MB: z.coerce.number().int().min(64).default(256),
});
export type CatalogConfig = z.infer<typeof configSchema>;
