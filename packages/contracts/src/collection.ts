import { z } from 'zod';
import { OBJECT_KINDS } from './key-grammar.js';

/** Lists of objects in an answer are cut after this many; the counts beside them are whole. */
export const MOST_LISTED = 1000;

export const collectRequestSchema = z.strictObject({
  dryRun: z.boolean().default(false).describe('只列出，不删除 · list what would go, and remove nothing'),
});

const sizeSchema = z.object({ objects: z.int(), bytes: z.int() });
const kindsSchema = z.partialRecord(z.enum(OBJECT_KINDS), sizeSchema);

/** What a collection found and did; of a dry run, what it would do. */
export const collectionReportSchema = z.object({
  /** Objects looked at, by what became of them. */
  removed: kindsSchema,
  kept: kindsSchema,
  /** Of those removed, by why. */
  reasons: z.record(z.string(), sizeSchema),
  /** Rows of the catalog that went, by what they are. */
  trimmed: z.object({ versions: z.int(), syncs: z.int(), rejected: z.int(), outbox: z.int(), audit: z.int() }),
  /** Objects that no rule of the key grammar knows; they stay. */
  unknown: z.object({ objects: z.int(), bytes: z.int(), keys: z.array(z.string()) }),
  /** The first of those removed, and of versions that are not kept any more. */
  items: z.array(z.object({ what: z.string(), why: z.string(), bytes: z.int() })),
  /** What could not be judged, and stays. */
  problems: z.array(z.string()),
});
export type CollectionReport = z.infer<typeof collectionReportSchema>;

/** One run of the collector. */
export const collectionSchema = z.object({
  id: z.int(),
  dryRun: z.boolean(),
  by: z.string(),
  startedAt: z.date(),
  endedAt: z.date().nullable(),
  state: z.enum(['running', 'done', 'failed']),
  /** Of one that runs: what it is at. */
  stage: z.string(),
  report: collectionReportSchema,
  problem: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type Collection = z.infer<typeof collectionSchema>;
