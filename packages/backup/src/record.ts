import { auditHeadSchema } from '@songhua/contracts';
import { z } from 'zod';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().nonnegative();

/** An object that the catalog names and that the bucket did not give as it should be. */
export const problemSchema = z.object({
  key: z.string(),
  problem: z.enum(['missing', 'damaged', 'disagrees']),
  message: z.string(),
});
export type Problem = z.infer<typeof problemSchema>;

/** `backup.json`: written last, so its presence says that the backup is whole. Everything else is found by it. */
export const backupSchema = z.object({
  schema: z.literal('songhua.backup/1'),
  id: z.string().regex(/^[A-Za-z0-9-]+$/),
  deployment: z.string(),
  /** The moment that the catalog is of. */
  at: z.string(),
  finishedAt: z.string(),
  migrations: z.array(z.object({ name: z.string(), checksum: z.string(), appliedAt: z.string() })),
  /** Each a gzip file of rows in the text format of COPY; `sha256` is of the file. */
  tables: z.array(z.object({ name: z.string(), columns: z.array(z.string()), rows: count, bytes: count, sha256 })),
  numbered: z.array(z.object({ table: z.string(), column: z.string(), last: count })),
  audit: auditHeadSchema,
  totals: z.object({ datasets: count, versions: count, records: count, openSyncs: count }),
  /** Connectors with stored secrets, and the keys (by name) that those are sealed under; the keys are not in the backup. */
  secrets: z.object({ connectors: count, keys: z.array(z.string()) }),
  /** `sha256` is of the list of objects. */
  objects: z.object({ count, bytes: count, sha256 }),
  /** What the bucket had lost before, at most a thousand of them. */
  problems: z.array(problemSchema),
});
export type Backup = z.infer<typeof backupSchema>;

/** A line of the list of objects; the content lies under its hash. */
export const keptObjectSchema = z.object({
  key: z.string(),
  kind: z.string(),
  mediaType: z.string(),
  bytes: count,
  sha256,
});
export type KeptObject = z.infer<typeof keptObjectSchema>;
