import { readingOf, sourceError } from '@songhua/connector-sdk';
import type { Cursor } from '@songhua/contracts';
import { z } from 'zod';
import type { Range, Watermarks } from './client.js';
import type { KafkaConfig } from './config.js';

const offset = z.string().regex(/^\d+$/);
const cursorSchema = z.object({
  version: z.literal(1),
  reading: z.string(),
  partitions: z.record(
    z.string().regex(/^\d+$/),
    z.object({
      /** First offset that was not delivered. */
      next: offset,
      /** Nothing readable lies below it; beyond `next` only where what lies between are no messages. */
      seen: offset,
      /** The last change delivered was of a snapshot. */
      snapshot: z.boolean().optional(),
    }),
  ),
  /** All that were ever there, so that a part in which some do not occur has them all the same. */
  columns: z.array(z.string()),
  /** A snapshot had begun whose end was not marked. */
  open: z.boolean().optional(),
});
export type KafkaCursor = z.infer<typeof cursorSchema>;

export const kafkaReadingOf = ({ topic, format, softDelete }: KafkaConfig): string =>
  readingOf({ topic, format, softDelete });

/** The cursor as this kind writes it, or undefined: none, of another version, or of another topic or format. */
export function parseCursor(cursor: Cursor | undefined, reading: string): KafkaCursor | undefined {
  const parsed = cursorSchema.safeParse(cursor);
  return parsed.success && parsed.data.reading === reading ? parsed.data : undefined;
}

/** Whether nothing came since the cursor. */
export const nothingSince = (known: KafkaCursor, watermarks: Watermarks[]): boolean =>
  Object.keys(known.partitions).length === watermarks.length &&
  watermarks.every(({ partition, high }) => known.partitions[partition]?.seen === String(high));

/** What lies between the cursor and the end of each partition. Throws `source.gap` when some of it was deleted unread. */
export function rangesAfter(known: KafkaCursor | undefined, watermarks: Watermarks[], topic: string): Range[] {
  if (!known) return watermarks.map(({ partition, low, high }) => ({ partition, from: low, to: high }));
  for (const partition of Object.keys(known.partitions))
    if (!watermarks.some((found) => String(found.partition) === partition))
      throw gap(`partition ${partition} of topic ${topic} is gone, so the topic was made anew`);
  return watermarks.map(({ partition, low, high }) => {
    const { next, seen } = known.partitions[partition] ?? { next: '0', seen: '0' };
    if (BigInt(seen) > high)
      throw gap(`partition ${partition} of topic ${topic} ends at ${high}, before ${seen}, so the topic was made anew`);
    if (BigInt(seen) < low)
      throw gap(
        `partition ${partition} of topic ${topic} begins at offset ${low}, but everything from ${next} on is unread`,
      );
    const from = BigInt(next) < low ? low : BigInt(next);
    // What was seen up to the very end holds no message.
    return { partition, from: BigInt(seen) === high ? high : from, to: high };
  });
}

/** What was not read is gone. */
export const gap = (what: string): Error =>
  sourceError(
    'source.gap',
    `${what}: messages were lost before they were read. Read everything again with "songhua sync --full", after a new snapshot where the topic does not hold all rows; keep messages longer, or sync more often`,
  );
