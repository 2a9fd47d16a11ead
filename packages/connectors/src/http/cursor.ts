import { detectionSchema } from '@songhua/connector-sdk';
import { type Cursor, sourceColumnSchema } from '@songhua/contracts';
import { z } from 'zod';

const detections = z.array(detectionSchema).optional().catch(undefined);

const documentCursorSchema = z.object({
  version: z.literal(1),
  reading: z.string(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  sha256: z.string(),
  detections,
});
/** After one document: what tells whether it changed. */
export type DocumentCursor = z.infer<typeof documentCursorSchema>;

const pagesCursorSchema = z.object({
  version: z.literal(2),
  reading: z.string(),
  /** Of the rows last read. */
  digest: z.string(),
  /** A part may lack columns that no row of it fills. */
  columns: z.array(sourceColumnSchema),
  /** End of the last whole window (ISO), or greatest value of the column that is read since. */
  position: z.string().optional(),
  /** When everything was read, ISO 8601. */
  fullAt: z.string().optional(),
  detections,
});
/** After pages, windows or what is new. */
export type PagesCursor = z.infer<typeof pagesCursorSchema>;

/** A cursor that this way of reading wrote; any other is none. */
export const documentCursor = (cursor: Cursor | undefined, reading: string): DocumentCursor | undefined =>
  parsed(documentCursorSchema, cursor, reading);

export const pagesCursor = (cursor: Cursor | undefined, reading: string): PagesCursor | undefined =>
  parsed(pagesCursorSchema, cursor, reading);

function parsed<T extends { reading: string }>(schema: z.ZodType<T>, cursor: unknown, reading: string): T | undefined {
  const result = schema.safeParse(cursor);
  return result.success && result.data.reading === reading ? result.data : undefined;
}
