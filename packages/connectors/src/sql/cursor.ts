import { readingOf } from '@songhua/connector-sdk';
import type { Cursor } from '@songhua/contracts';
import { z } from 'zod';
import type { SqlReading } from './config.js';

/** What a read remembers. Values are the source's own text, at full precision. */
const cursorSchema = z.object({
  version: z.literal(1),
  reading: z.string(),
  /** The largest cursor value that was read; absent while there is none. */
  value: z.string().optional(),
  /** The largest key among the rows of that value, where the config names one. */
  key: z.string().optional(),
  /** See `SqlSession.horizon`. */
  horizon: z.string().optional(),
  /** Digest of the rows that the next read sees again when nothing changes; of all rows where everything is read. */
  again: z.string(),
  /** When everything was read, ISO 8601. */
  fullAt: z.string(),
});
export type SqlCursor = z.infer<typeof cursorSchema>;

/** Fingerprint of what is read: a cursor of anything else says nothing about it. */
export function sqlReadingOf(
  config: SqlReading & { host?: string; port?: number; database?: string; path?: string },
  incremental: boolean,
): string {
  const { host, port, database, path, schema, table, query, columns, cursor, softDelete } = config;
  return readingOf({ incremental, host, port, database, path, schema, table, query, columns, cursor, softDelete });
}

/** The cursor as these kinds write it, or undefined: none, of another version, or of another reading. */
export function parseCursor(cursor: Cursor | undefined, reading: string): SqlCursor | undefined {
  const parsed = cursorSchema.safeParse(cursor);
  return parsed.success && parsed.data.reading === reading ? parsed.data : undefined;
}
