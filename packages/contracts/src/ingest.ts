import { z } from 'zod';

// Header values of printable ASCII, as RFC drafts of the field have them, without quotes around.
export const idempotencyKeySchema = z.string().regex(/^[\x21-\x7e]{1,200}$/, 'use 1 to 200 printable characters');

/** What the catalog service tells the connector service: content that lies in the object store is to be read. */
export const pushSchema = z.strictObject({
  connector: z.string(),
  key: idempotencyKeySchema,
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().positive(),
  objectKey: z.string(),
  /** As the sender calls it. */
  name: z.string().min(1).max(255),
});
export type Push = z.infer<typeof pushSchema>;

export const pushAcceptedSchema = z.object({
  sync: z.string(),
  /** Progress can be followed under it, as of any request. */
  request: z.string(),
  /** Where the content lies: elsewhere than was told when the key came before. */
  objectKey: z.string(),
});
export type PushAccepted = z.infer<typeof pushAcceptedSchema>;

/** The answer to `POST /api/v1/ingest/{connector}`. */
export const ingestAnswerSchema = z.object({
  connector: z.string(),
  sync: z.string(),
  request: z.string(),
  /** Where the sync can be followed. */
  url: z.string(),
  bytes: z.int(),
  sha256: z.string(),
  /** Of the sync, and of its refresh once that began. */
  state: z.string(),
  refresh: z.string().nullable(),
  version: z.int().nullable(),
  reason: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type IngestAnswer = z.infer<typeof ingestAnswerSchema>;
