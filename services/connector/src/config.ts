import { delimiter, isAbsolute } from 'node:path';
import { keyringSection, sections } from '@songhua/runtime';
import { z } from 'zod';

const list = (separator: string) =>
  z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(separator)
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    );

export const serviceConfig = z.object({
  ...sections.deployment.shape,
  ...sections.http.shape,
  ...sections.kafka.shape,
  ...sections.objectStore.shape,
  ...sections.database.shape,
  ...sections.files.shape,
  ...keyringSection.shape,
  ...sections.internal.shape,
  /**
   * Folders that the kinds `file` and `sqlite` may read, separated as in PATH; `department=/folder` opens it to the connectors of one
   * department only, also where it lies in a folder for all.
   */
  SONGHUA_FILE_ROOTS: list(delimiter).refine(
    (roots) => roots.every((root) => isAbsolute(root.replace(/^[a-z0-9-]+=/, ''))),
    'every folder must be absolute',
  ),
  /**
   * Internal addresses or CIDR ranges that connectors may reach, separated by commas; `department=address` allows it to the connectors of
   * one department only.
   */
  SONGHUA_NETWORK_ALLOW: list(','),
  /** Folder with the `node_modules` of database drivers that the city installed itself; unset: NODE_PATH. */
  SONGHUA_DRIVERS_DIR: z.string().optional(),
  /** Folder whose files secrets may name; unset: none. */
  SONGHUA_SECRETS_DIR: z.string().optional(),
  /** Syncs that one replica reads at the same time. */
  SONGHUA_SYNC_CONCURRENCY: z.coerce.number().int().min(1).max(256).default(4),
  /** Seconds after which another replica takes over from one that fell silent. */
  SONGHUA_SYNC_LEASE_SECONDS: z.coerce.number().int().min(3).max(3600).default(30),
  /** Bytes of one source, unpacked. */
  SONGHUA_SOURCE_MAX_BYTES: z.coerce
    .number()
    .int()
    .positive()
    .default(16 * 1024 ** 3),
  SONGHUA_SOURCE_TIMEOUT_SECONDS: z.coerce.number().int().positive().default(3600),
  /** Minutes after which a delivered sync that never landed is read again; the third time it fails. */
  SONGHUA_REFRESH_LIMIT_MINUTES: z.coerce.number().int().positive().default(120),
  /** Failures in a row that only its department can mend, after which a connector is suspended. */
  SONGHUA_SUSPEND_AFTER_FAILURES: z.coerce.number().int().min(1).max(50).default(5),
  /** Days that a connector may fail for its department's reasons before it is suspended, whatever they are. */
  SONGHUA_SUSPEND_AFTER_DAYS: z.coerce.number().positive().max(3650).default(7),
  /** Seconds that a source is left alone after its first failure; doubles with every other one, up to six hours. */
  SONGHUA_RETRY_AFTER_SECONDS: z.coerce.number().int().min(1).max(21_600).default(60),
  /** Scheduled starts spread over this many seconds, each connector always at the same offset. */
  SONGHUA_SCHEDULE_JITTER_SECONDS: z.coerce.number().int().min(0).max(3600).default(20),
});
export type ServiceConfig = z.infer<typeof serviceConfig>;
