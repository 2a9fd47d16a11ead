import { COLUMN_TYPES, FREQUENCIES, type Frequency, isName, SCHEMA_POLICIES, SYNC_MODES } from '@songhua/domain';
import { z } from 'zod';

const name = z.string().refine(isName, 'use 1 to 100 of a-z, 0-9 and inner hyphens');
const metadata = z.strictObject({ name, labels: z.record(z.string(), z.string()).optional() });
const apiVersion = z.literal('songhua/v1');
const frequency = z.enum(Object.keys(FREQUENCIES) as [Frequency, ...Frequency[]]);

export const departmentSpec = z.strictObject({ title: z.string(), titleEn: z.string().optional() });
export const domainSpec = z.strictObject({ title: z.string(), titleEn: z.string().optional() });

// Longer ones are values, and each is compared with every cell.
const blanks = z.array(z.string().max(100)).max(100);

export const datasetSpec = z.strictObject({
  title: z.string(),
  description: z.string().optional(),
  department: name,
  domain: name,
  frequency: frequency.default('UNKNOWN'),
  primaryKey: z.array(z.string()).default([]),
  columns: z
    .array(
      z.strictObject({
        name: z.string(),
        type: z.enum(COLUMN_TYPES),
        title: z.string().optional(),
        required: z.boolean().optional(),
        /** Cells that have no value in this column; in text too, where otherwise only the empty cell has none. */
        blanks: blanks.optional(),
      }),
    )
    .optional(),
  /** Cells that have no value in columns that are not text, instead of the usual ones (无, -, N/A, NULL …). */
  blanks: blanks.optional(),
  schemaPolicy: z.enum(SCHEMA_POLICIES).default('hold'),
  guards: z
    .strictObject({
      /** Largest share of rows that may vanish in one refresh, 0 to 1. */
      maxShrink: z.number().min(0).max(1).default(0.5),
      /** Largest share of rows that may be rejected, 0 to 1. */
      maxRejected: z.number().min(0).max(1).default(0.1),
    })
    .prefault({}),
});

const secretRef = z.union([
  z.strictObject({ env: z.string() }),
  z.strictObject({ file: z.string() }),
  z.strictObject({ value: z.string() }),
]);

export const connectorSpec = z.strictObject({
  dataset: name,
  kind: z.string(),
  mode: z.enum(SYNC_MODES).default('full'),
  config: z.record(z.string(), z.unknown()).default({}),
  schedule: z.strictObject({ cron: z.string(), timezone: z.string().default('Asia/Shanghai') }).optional(),
  secrets: z.record(z.string(), secretRef).default({}),
});

export const resourceSchema = z.discriminatedUnion('kind', [
  z.strictObject({ apiVersion, kind: z.literal('Department'), metadata, spec: departmentSpec }),
  z.strictObject({ apiVersion, kind: z.literal('Domain'), metadata, spec: domainSpec }),
  z.strictObject({ apiVersion, kind: z.literal('Dataset'), metadata, spec: datasetSpec }),
  z.strictObject({ apiVersion, kind: z.literal('Connector'), metadata, spec: connectorSpec }),
]);
export type Resource = z.infer<typeof resourceSchema>;
export type DatasetSpec = z.infer<typeof datasetSpec>;
export type ConnectorSpec = z.infer<typeof connectorSpec>;
