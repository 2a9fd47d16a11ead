import { FRESHNESS_STATES, IN_SYNC_STATES } from '@songhua/domain';
import { z } from 'zod';
import { syncRangeSchema } from './records.js';

const countsOf = <State extends string>(states: readonly State[]) =>
  z.object(Object.fromEntries(states.map((state) => [state, z.int()])) as Record<State, z.ZodInt>);

/** `GET /api/v1/summary`. */
export const summarySchema = z.object({
  departments: z.int(),
  domains: z.int(),
  datasets: z.int(),
  published: z.int(),
  versions: z.int(),
  records: z.int(),
  bytes: z.int(),
  freshness: countsOf(FRESHNESS_STATES).describe('datasets by whether their source keeps its promise'),
  inSync: countsOf(IN_SYNC_STATES).describe('datasets by whether what is served is the same as the source'),
  holds: z.int(),
  quarantined: z.int(),
  syncs: z.object({ running: z.int(), failed24h: z.int() }),
});
export type Summary = z.infer<typeof summarySchema>;

/** RFC 9457 problem details; `detail` says what to do. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  /** Who can do something about it. */
  actor: z.enum(['department', 'operator', 'platform']).optional(),
  /** What stands in the way of a deletion. */
  dependents: z.array(z.string()).optional(),
});
export type Problem = z.infer<typeof problemSchema>;

const TITLES: Record<number, string> = {
  400: 'The request is not valid',
  401: 'Credentials are needed',
  403: 'Not yours to do',
  404: 'Not found',
  409: 'Another change came first',
  410: 'Not kept any more',
  413: 'The body is too large',
  415: 'The body is of a type that is not understood',
  422: 'The request cannot be carried out as it is',
  429: 'Asked too often, try again later',
  500: 'Internal error',
  503: 'Not available now, try again',
};

/** The title of every problem with this status, for people; the code tells problems apart. */
export const problemTitle = (status: number): string => TITLES[status] ?? 'The request was refused';

/** How whoever asks calls a request: it stands in addresses. */
export const requestId = z
  .string()
  .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}$/, 'use 1 to 200 of A-Z, a-z, 0-9, hyphen, underscore and inner dots');

/**
 * `POST /api/v1/syncs` (and `/api/v1/connectors/{name}:sync` for one): run now. `request` makes it idempotent: the same
 * request id claims the same slots.
 */
export const syncRequestSchema = z.strictObject({
  connectors: z.array(z.string()).optional(),
  department: z.string().optional(),
  all: z.boolean().optional(),
  /** Ignore cursors and read everything; what the source no longer has goes, save in mode append. */
  full: z.boolean().default(false),
  /** Read everything and build the dataset anew from it, in mode append too. Only with `connectors`. */
  reset: z.boolean().default(false),
  /** A backfill: read again only what lies between these cursor values, and leave the cursor where it is. Only with `connectors`. */
  range: syncRangeSchema
    .refine(({ from, to }) => from !== undefined || to !== undefined, 'say from, to or both')
    .optional(),
  request: requestId.optional(),
});
export type SyncRequest = z.infer<typeof syncRequestSchema>;

export const syncAcceptedSchema = z.object({
  request: z.string(),
  syncs: z.array(z.object({ sync: z.string(), connector: z.string() })),
  /** Connectors that were asked for but not started, with the reason. */
  skipped: z.array(z.object({ connector: z.string(), code: z.string(), message: z.string() })).optional(),
});
export type SyncAccepted = z.infer<typeof syncAcceptedSchema>;

/** `GET /api/v1/sync-requests/{request}`: how far the syncs of one "run now" have come. Seconds are from the request's first claim. */
export const syncProgressSchema = z.object({
  request: z.string(),
  total: z.int(),
  queued: z.int(),
  reading: z.int(),
  /** Read to the end; not whole in the object store yet. */
  landing: z.int(),
  /** Whole in the object store; another refresh of the same dataset, or of as many as there is room for, comes first. */
  landed: z.int(),
  refreshing: z.int(),
  published: z.int(),
  unchanged: z.int(),
  held: z.int(),
  failed: z.int(),
  rows: z.int(),
  rejected: z.int(),
  /** Versions of this request that are committed but not announced yet. */
  unannounced: z.int(),
  /** Seconds since it was requested. */
  requestedSeconds: z.number(),
  /** Seconds since the first source began to be read: till now while one is, to the end of the last one otherwise. */
  readingSeconds: z.number(),
  /** Seconds from the request to the last end of each stage so far; a hold has ended the refresh for now. */
  stages: z.object({ read: z.number(), refresh: z.number(), announce: z.number() }),
  failures: z.array(
    z.object({
      dataset: z.string(),
      sync: z.string(),
      state: z.string(),
      code: z.string(),
      message: z.string(),
      actor: z.string(),
    }),
  ),
  /** Earlier refreshes, and such by changed rules, that wait for a decision at the same connectors; told when all of these have ended. */
  holds: z.array(z.object({ dataset: z.string(), sync: z.string(), code: z.string(), message: z.string() })),
  /** What is tried again, and why. */
  troubles: z
    .array(
      z.object({ dataset: z.string(), sync: z.string(), state: z.string(), code: z.string(), message: z.string() }),
    )
    .default([]),
  slowest: z.array(z.object({ dataset: z.string(), rows: z.int(), seconds: z.number() })),
});
export type SyncProgress = z.infer<typeof syncProgressSchema>;
