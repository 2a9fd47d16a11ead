import { createHash } from 'node:crypto';
import { z } from 'zod';
import { syncCompletedSchema } from './records.js';

/** Where the heads of the audit log are, of all days. */
export const AUDIT_HEADS = 'audit/heads/';

/** The first part of every key. */
export const KEY_FOLDERS: readonly string[] = ['audit', 'datasets', 'ingest', 'landing', 'quarantine', 'renders'];

/** What a landing is of: an attempt of one claim of a sync. */
export interface LandedAttempt {
  sync: string;
  attempt: number;
  /** Tells the claims of one slot apart: a catalog that was restored claims it anew, under the same id. */
  traceparent: string;
}

const landingFolder = (dataset: string, { sync, attempt, traceparent }: LandedAttempt): string =>
  `landing/${dataset}/${sync}/${createHash('sha256').update(traceparent).digest('hex').slice(0, 12)}/${attempt}`;

/** Keys of the bucket. Ids are internal ids (`ds_…`, `sy_…`), never names from outside. */
export const keys = {
  /** Content that a department sent; `place` is unique to the request. */
  pushed: (connector: string, place: string): string => `ingest/${connector}/${place}`,
  landingPart: (dataset: string, of: LandedAttempt, part: string): string => `${landingFolder(dataset, of)}/${part}`,
  landingManifest: (dataset: string, of: LandedAttempt): string => `${landingFolder(dataset, of)}/manifest.json`,
  versionFile: (dataset: string, version: number, attempt: string, file: string): string =>
    `datasets/${dataset}/versions/${version}/${attempt}/${file}`,
  manifest: (dataset: string, version: number): string => `datasets/${dataset}/versions/${version}/manifest.json`,
  rejected: (dataset: string, sync: string): string => `quarantine/${dataset}/${sync}/rejected.ndjson.gz`,
  /** Of the rejected rows of `sync`: those that `replay` let pass, and those that were left. */
  replayed: (dataset: string, sync: string, replay: string): string =>
    `quarantine/${dataset}/${sync}/${replay}/replayed.ndjson.gz`,
  stillRejected: (dataset: string, sync: string, replay: string): string =>
    `quarantine/${dataset}/${sync}/${replay}/rejected.ndjson.gz`,
  /** The head of the audit log, noted on that day (YYYY-MM-DD). */
  auditHead: (day: string): string => `${AUDIT_HEADS}${day}.json`,
};

/** The bucket that every deployment uses unless told otherwise. */
export const DEFAULT_BUCKET = 'songhua';

/**
 * Bytes up to which the last part of a kind stands in the manifest: an object costs a request to write and one to read, which for the
 * details of most syncs, and all of many, is more than they weigh.
 */
export const INLINE_PART_BYTES = 16 * 1024;

const partFacts = {
  kind: z.enum(['rows', 'rejected', 'details']),
  firstSequence: z.int().nonnegative(),
  lastSequence: z.int().nonnegative(),
  rows: z.int().nonnegative(),
  bytes: z.int().nonnegative(),
  sha256: z.string(),
};
/** Gzip, as an object of the bucket or, of a small part, as Base64 in the manifest. */
const partSchema = z.union([z.object({ ...partFacts, key: z.string() }), z.object({ ...partFacts, gzip: z.string() })]);

/** `landing/<dataset>/<sync>/<claim>/<attempt>/manifest.json`: written last, so its presence says that the sync landed whole. */
export const landingManifestSchema = z.object({
  schema: z.literal('songhua.landing/2'),
  dataset: z.string(),
  datasetId: z.string(),
  connector: z.string(),
  sync: z.string(),
  attempt: z.int().positive(),
  traceparent: z.string(),
  /** Of each kind in sequence; concatenating the parts of one kind gives one gzip file of canonical CSV or NDJSON. */
  parts: z.array(partSchema),
  completed: syncCompletedSchema,
});
export type LandingManifest = z.infer<typeof landingManifestSchema>;
export type LandingPart = z.infer<typeof partSchema>;
