import { changesSchema, columnSchema } from '@songhua/contracts';
import { COLUMN_TYPES, FREQUENCIES, type Frequency, SYNC_MODES } from '@songhua/domain';
import { z } from 'zod';

const rejected = z.looseObject({
  line: z.int().optional(),
  field: z.string().optional(),
  code: z.string(),
  message: z.string(),
  raw: z.string(),
});
const decision = z.looseObject({ what: z.string(), value: z.string(), evidence: z.string() });
const row = z.record(z.string(), z.unknown());

export const previewAnswer = z.object({
  columns: z.array(columnSchema),
  rows: z.array(row),
  rejected: z.array(rejected),
  rejectedCount: z.int(),
  rowsRead: z.int(),
  complete: z.boolean(),
  decisions: z.array(decision),
});
export type PreviewAnswer = z.infer<typeof previewAnswer>;

export const discoverAnswer = z.object({
  streams: z.array(
    z.object({
      name: z.string(),
      rowsEstimate: z.number().optional(),
      decisions: z.array(decision).optional(),
      columns: z.array(z.object({ name: z.string(), source: z.string(), type: z.enum(COLUMN_TYPES).nullable() })),
      suggested: z.object({
        key: z.array(z.string()),
        cursor: z.string().nullable(),
        mode: z.enum(SYNC_MODES),
        frequency: z.enum(Object.keys(FREQUENCIES) as [Frequency, ...Frequency[]]),
      }),
      config: z.record(z.string(), z.unknown()),
    }),
  ),
});
export type Stream = z.infer<typeof discoverAnswer>['streams'][number];

export const dryRunAnswer = z.object({
  outcome: z.enum(['published', 'unchanged', 'held', 'refused']),
  reason: z.looseObject({ code: z.string(), message: z.string(), actor: z.string() }).nullable(),
  present: z.object({ version: z.int(), rows: z.int() }).nullable(),
  columns: z.array(columnSchema),
  rows: z.int(),
  counts: z.record(z.string(), z.int()),
  changes: changesSchema,
  rejectedByCode: z.record(z.string(), z.int()),
  rejectedCount: z.int(),
  rejected: z.array(rejected),
  first: z.array(row),
  complete: z.boolean(),
});
export type DryRunAnswer = z.infer<typeof dryRunAnswer>;
