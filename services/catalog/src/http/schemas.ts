import {
  changesSchema,
  columnSchema,
  connectorLifeSchema,
  datasetSpec,
  manifestFileSchema,
  syncRangeSchema,
} from '@songhua/contracts';
import { FRESHNESS_STATES, IN_SYNC_STATES, isName, REFRESH_STATES, SYNC_MODES, SYNC_STATES } from '@songhua/domain';
import { z } from 'zod';

/** Names in paths and queries; anything else is 400, so that no name from outside ever reaches a key or a statement. */
export const name = z.string().refine(isName, 'use 1 to 100 of a-z, 0-9 and inner hyphens');
export const named = z.object({ name });
/** Ids that Songhua makes itself. */
export const syncId = z.string().regex(/^[A-Za-z0-9_-]{1,100}$/, 'use the id that the list of syncs shows');
const numbered = (told: string) =>
  z
    .string()
    .regex(/^[1-9][0-9]{0,8}$/, told)
    .transform(Number);
export const versionNumber = z.union([z.literal('latest'), numbered('use a version number or "latest"')]);
export const earlierVersion = numbered('use a version number');
export const page = z.coerce.number().int().min(1).max(1_000_000).default(1);
export const pageSize = (largest: number, usual = 50) => z.coerce.number().int().min(1).max(largest).default(usual);

export const reason = z.object({
  code: z.string(),
  message: z.string(),
  actor: z.enum(['department', 'operator', 'platform']),
  retryable: z.boolean(),
  retryAfterSeconds: z.number().optional(),
  difference: z
    .object({
      missing: z.array(z.string()),
      added: z.array(z.string()),
      retyped: z.array(z.object({ name: z.string(), from: z.string(), to: z.string() })),
      renamed: z.array(z.object({ from: z.string(), to: z.string() })).describe('a guess'),
    })
    .optional()
    .describe('how the columns of the source differ from those that are published'),
});
const time = z.date();
const tableSchema = z.object({ columns: z.array(columnSchema), primaryKey: z.array(z.string()) });

export const datasetEntry = z.object({
  name: z.string(),
  title: z.string(),
  department: z.string(),
  domain: z.string(),
  frequency: z.string(),
  rows: z.int(),
  bytes: z.int(),
  version: z.int().nullable(),
  versions: z.int(),
  clocks: z.object({
    checkedAt: time.nullable(),
    sourceChangedAt: time.nullable(),
    dataChangedAt: time.nullable(),
    metadataChangedAt: time.nullable(),
  }),
  freshness: z.enum(FRESHNESS_STATES).describe('does the source keep its promise, by changes of its data'),
  dueAt: time.nullable().describe('when the next change is due; null where no promise can be missed'),
  lateSince: time.nullable().describe('since when it is overdue; null while it is not'),
  inSync: z
    .enum(IN_SYNC_STATES)
    .describe(
      'is what is served the same as the source: confirmed at the last look; differs, and a person has not let it pass; failing, when the last look failed; stale, when nobody has looked for too long',
    ),
  inSyncUntil: time
    .nullable()
    .describe('how long the last confirmation holds, or held; null without one, or when it holds for good'),
  lastSync: z
    .object({
      id: z.string(),
      state: z.enum(SYNC_STATES),
      refresh: z.enum(REFRESH_STATES).nullable(),
      reason: reason.nullable(),
    })
    .nullable(),
});
export const datasetPage = z.object({
  total: z.int(),
  page: z.int(),
  pageSize: z.int(),
  items: z.array(datasetEntry),
});
export const datasetDetail = datasetEntry.extend({
  spec: datasetSpec,
  schema: tableSchema.nullable(),
  holds: z
    .array(z.object({ sync: z.string(), reason }))
    .describe('等待决定的刷新，最早的在前 · refreshes that wait for a decision, oldest first'),
});

export const versionEntry = z.object({
  dataset: z.string(),
  version: z.int(),
  identity: z.string(),
  rows: z.int(),
  bytes: z.int(),
  changes: changesSchema,
  rejected: z.int(),
  createdAt: time,
  publishedAt: time,
  manifestKey: z.string(),
  sync: z.string(),
  removed: z
    .object({ at: time, reason: z.string() })
    .nullable()
    .describe('不再保留文件的版本 · its files are not kept any more; the manifest is'),
});
export const versionDetail = versionEntry.extend({
  datasetId: z.string(),
  files: z.array(manifestFileSchema),
  schema: tableSchema,
});

export const row = z.record(z.string(), z.unknown());
export const rowPage = z.object({
  dataset: z.string(),
  version: z.int(),
  total: z.int(),
  page: z.int(),
  pageSize: z.int(),
  rows: z.array(row),
});
export const difference = z.object({
  dataset: z.string(),
  from: z.int(),
  to: z.int(),
  changes: changesSchema,
  page: z.int(),
  pageSize: z.int(),
  rows: z.array(row),
});

export const groups = z.object({
  items: z.array(z.object({ name: z.string(), title: z.string(), datasets: z.int(), records: z.int() })),
});
export const connectorEntry = z.object({
  id: z.string(),
  name: z.string(),
  dataset: z.string(),
  datasetId: z.string(),
  department: z.string(),
  kind: z.string(),
  mode: z.enum(SYNC_MODES),
  ...connectorLifeSchema.omit({ name: true }).shape,
  config: z.record(z.string(), z.unknown()),
  schedule: z.object({ cron: z.string(), timezone: z.string() }).optional(),
  secrets: z.array(z.string()).describe('names only; values are never shown again'),
  health: z
    .object({
      failures: z.int().describe('in a row'),
      failingSince: time,
      reason,
      nextAttemptAt: time.nullable().describe('until then its schedule leaves it alone'),
      rateLimited: z.boolean(),
      skipped: z.int().describe('slots of its schedule that were passed over meanwhile'),
      skippedSlot: z.string().nullable(),
    })
    .nullable()
    .describe('null while it fares well'),
});

export const syncEntry = z.object({
  id: z.string(),
  connector: z.string(),
  dataset: z.string(),
  datasetId: z.string(),
  department: z.string(),
  slot: z.string(),
  number: z.int(),
  attempt: z.int(),
  state: z.enum(SYNC_STATES),
  purpose: z.enum(['read', 'backfill', 'replay', 'rules', 'rollback']),
  full: z.boolean(),
  reset: z.boolean(),
  range: syncRangeSchema.nullable(),
  rollbackTo: z.int().nullable().describe('回退到的版本 · of a rollback: the version that it goes back to'),
  rows: z.int(),
  rejected: z.int(),
  bytes: z.int(),
  reason: reason.nullable(),
  trouble: z
    .object({ reason, tries: z.int(), at: z.string() })
    .nullable()
    .describe('仍在重试的原因 · why it is tried again, while it is'),
  owner: z.string().nullable(),
  queuedAt: time,
  startedAt: time.nullable(),
  activeAt: time.nullable().describe('数据源上次发来内容的时间 · when its source last sent something'),
  readAt: time.nullable(),
  endedAt: time.nullable(),
  landing: z.object({ key: z.string(), attempt: z.int(), at: time }).nullable(),
  version: z.int().nullable(),
  stages: z.record(z.string(), z.number()).nullable().describe('各步骤耗时（秒） · seconds by step'),
  traceparent: z.string(),
  refresh: z
    .object({
      state: z.enum(REFRESH_STATES),
      version: z.int().nullable(),
      reason: reason.nullable(),
      startedAt: time,
      endedAt: time.nullable(),
    })
    .nullable(),
});

export const quarantineEntry = z.object({
  sync: z.string(),
  dataset: z.string(),
  department: z.string(),
  connector: z.string(),
  count: z.int(),
  byCode: z.record(z.string(), z.int()),
  groups: z
    .array(
      z.object({
        code: z.string(),
        field: z.string().optional(),
        count: z.int(),
        replayable: z.int().describe('rows that are kept whole, so that a changed rule can let them pass'),
        message: z.string(),
      }),
    )
    .describe('what is wrong, with the message of the first row'),
  replays: z
    .array(z.object({ sync: z.string(), count: z.int(), version: z.int().nullable(), by: z.string(), at: z.string() }))
    .describe('rows that left the quarantine since, and the versions that have them'),
  recordedAt: time,
});
