import { SYNC_MODES } from '@songhua/domain';
import { z } from 'zod';

/**
 * What travels on the topic of records (`namesOf`). The message key is the dataset's name, so one dataset is one ordered stream.
 * Everything but the rows is in headers, so that landing can route a message without decoding its value.
 */

/** Uncompressed text in one batch of any kind, at most; see decisions on batch size. */
export const MAX_BATCH_BYTES = 512 * 1024;
/** A closing event, at most: it has nothing in it that grows with the source. */
export const MAX_CLOSING_BYTES = 4 * 1024;

export const RECORD_BATCH = 'record-batch/1';
export const REJECTED_BATCH = 'rejected-batch/1';
export const DETAIL_BATCH = 'detail-batch/1';
export const SYNC_COMPLETED = 'sync-completed/2';

// A department's server that is restarting is back within seconds; what lasts longer is for the next slot.
export const TRIES_OF_A_CLAIM = 3;

/** Attempts on the wire grow with every try (from 1) of every claim (from 1) of a sync, so that landing lets the last one win. */
export const wireAttempt = (claim: number, turn: number): number => (claim - 1) * TRIES_OF_A_CLAIM + turn;

/** The claim that an attempt on the wire belongs to. */
export const claimOf = (attempt: number): number => Math.ceil(attempt / TRIES_OF_A_CLAIM);

/** The headers of every message, after decoding. All header values are UTF-8 text on the wire. */
export const envelopeSchema = z.object({
  schema: z.enum([RECORD_BATCH, REJECTED_BATCH, DETAIL_BATCH, SYNC_COMPLETED]),
  dataset: z.string(),
  connector: z.string(),
  sync: z.string(),
  /** Attempt of the sync, from 1; a higher attempt replaces everything of a lower one. */
  attempt: z.coerce.number().int().positive(),
  /** Position in this attempt, from 0, without gaps; `sync-completed` has the last one. */
  sequence: z.coerce.number().int().nonnegative(),
  /** Rows, rejected rows or details in the value; 0 for `sync-completed`. */
  rows: z.coerce.number().int().nonnegative(),
  /** SHA-256 of the value as sent, hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** W3C trace context. */
  traceparent: z.string(),
});
export type Envelope = z.infer<typeof envelopeSchema>;

/*
 * Values:
 * - record-batch/1: one gzip member of canonical CSV: UTF-8, comma, `"` quotes where needed, LF, no header,
 *   exactly the sync's columns in order, cells as the source wrote them. Members concatenate to a valid gzip file.
 * - rejected-batch/1: one gzip member of NDJSON, a RejectedRow a line.
 * - detail-batch/1: one gzip member of NDJSON, a Detail (see details.ts) a line.
 * - sync-completed/2: JSON, below.
 */
export const rejectedRowSchema = z.object({
  file: z.int().nonnegative(),
  /** Physical line in the source file, from 1. */
  line: z.int().positive(),
  /** 0-based position among the sync's rows, when the row landed whole: such a row can be read again with other rules. */
  row: z.int().nonnegative().optional(),
  /** Byte offset in the decoded (unpacked) source, when known. */
  offset: z.int().nonnegative().optional(),
  /** Column name, when one cell is to blame. */
  field: z.string().optional(),
  code: z.string(),
  message: z.string(),
  /** The row as read, cut to 2,000 characters. */
  raw: z.string(),
});
export type RejectedRow = z.infer<typeof rejectedRowSchema>;

/** An opaque JSON object that only the connector kind that wrote it reads. */
export const cursorSchema = z.record(z.string(), z.unknown());
export type Cursor = z.infer<typeof cursorSchema>;

export const sourceColumnSchema = z.object({ name: z.string(), source: z.string() });
export type SourceColumn = z.infer<typeof sourceColumnSchema>;

export const sourceFileSchema = z.object({
  name: z.string(),
  bytes: z.int().nonnegative(),
  sha256: z.string(),
  /** When the source says it changed, ISO 8601. */
  modifiedAt: z.string().optional(),
});
export type SourceFile = z.infer<typeof sourceFileSchema>;

/** What an operator should know of a sync that went well. Never cells of the source (I6). */
export const syncWarningSchema = z.object({ code: z.string(), message: z.string() });
export type SyncWarning = z.infer<typeof syncWarningSchema>;

/** `all`: the rows are the whole source; `part`: what changed or came since the cursor. */
export const syncScopeSchema = z.enum(['all', 'part']);
export type SyncScope = z.infer<typeof syncScopeSchema>;

/** Bounds of cursor values, both included, as the source writes them. */
export const syncRangeSchema = z.strictObject({ from: z.string().optional(), to: z.string().optional() });
export type SyncRange = z.infer<typeof syncRangeSchema>;

/**
 * First cell of a row when `SyncCompleted.operations` is set: put the row in place of the one with its key, delete the row with its key
 * (the other cells mean nothing), or delete every row that came before (all other cells are empty). In order; the last one wins.
 */
export const OPERATIONS = { put: '+', delete: '-', truncate: '0' } as const;

export const syncCompletedSchema = z.object({
  mode: z.enum(SYNC_MODES),
  scope: syncScopeSchema.default('part'),
  operations: z.boolean().default(false),
  /** Somebody asked to build the dataset anew from these rows: nothing of the version before stays, whatever the mode. */
  reset: z.boolean().default(false),
  /** Order of syncs of one connector, from 1: a refresh never goes back in it. */
  number: z.int().positive(),
  /** Of all kinds. */
  batches: z.int().nonnegative(),
  /** Detail batches among them: columns, files, line runs, warnings and the cursor. */
  details: z.int().nonnegative(),
  /** Rows in record batches. Rows read from the source are `rows + rejected`. */
  rows: z.int().nonnegative(),
  rejected: z.int().nonnegative(),
  /** Bytes of canonical CSV before gzip. */
  bytes: z.int().nonnegative(),
  /** SHA-256 over the canonical CSV of all record batches in order. */
  sha256: z.string(),
  startedAt: z.string(),
  completedAt: z.string(),
});
export type SyncCompleted = z.infer<typeof syncCompletedSchema>;
