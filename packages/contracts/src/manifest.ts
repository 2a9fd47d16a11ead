import { COLUMN_TYPES } from '@songhua/domain';
import { z } from 'zod';
import { cursorSchema, sourceFileSchema, syncWarningSchema } from './records.js';

export const columnSchema = z.object({
  name: z.string(),
  type: z.enum(COLUMN_TYPES),
  nullable: z.boolean(),
  title: z.string().optional(),
  source: z.string().optional(),
  precision: z.int().optional(),
  scale: z.int().optional(),
  unit: z.literal('percent').optional(),
});

export const rowCountsSchema = z.object({
  read: z.int(),
  published: z.int(),
  unchanged: z.int(),
  deduplicated: z.int(),
  deleted: z.int(),
  withheld: z.int(),
  rejected: z.int(),
});

export const changesSchema = z.object({ added: z.int(), changed: z.int(), removed: z.int() });
export type Changes = z.infer<typeof changesSchema>;

export const manifestFileSchema = z.object({
  name: z.string(),
  key: z.string(),
  mediaType: z.string(),
  bytes: z.int(),
  sha256: z.string(),
});
export type ManifestFile = z.infer<typeof manifestFileSchema>;

/** The manifest of a version: the single commit point, and everything that the catalog row needs (I1, I2, I5). */
export const manifestSchema = z.object({
  schema: z.literal('songhua.manifest/1'),
  dataset: z.string(),
  datasetId: z.string(),
  version: z.int().positive(),
  /** Identity (I3), `sha256:<hex>` over canonical rows and schema. */
  identity: z.string(),
  previous: z.object({ version: z.int(), identity: z.string() }).nullable(),
  columns: z.array(columnSchema),
  primaryKey: z.array(z.string()),
  /** `rulesHash` of what the dataset declared when it was made; of a rollback, when the version that it goes back to was. */
  rules: z.string().optional(),
  rows: z.int().nonnegative(),
  counts: rowCountsSchema,
  changes: changesSchema,
  /** Of a rollback: the version that had the same, and whose source's files these are. */
  rollbackTo: z.int().positive().optional(),
  files: z.array(manifestFileSchema),
  source: z.object({
    connector: z.string(),
    sync: z.string(),
    number: z.int(),
    files: z.array(sourceFileSchema),
    /** The source's own statement of its last change, ISO 8601, when it made one. */
    changedAt: z.string().nullable(),
    /** What its sync warned of. */
    warnings: z.array(syncWarningSchema).optional(),
  }),
  cursor: cursorSchema,
  /** Seconds by step of the refresh that made it, up to this manifest. */
  stages: z.record(z.string(), z.number()).optional(),
  createdAt: z.string(),
  traceparent: z.string(),
});
export type Manifest = z.infer<typeof manifestSchema>;
