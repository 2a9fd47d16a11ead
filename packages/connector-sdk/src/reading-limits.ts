import { LARGEST_LIMITS, type Limits } from '@songhua/formats';
import { z } from 'zod';
import type { SourceLimits } from './types.js';

const limit = (name: keyof Limits) => z.int().min(1).max(LARGEST_LIMITS[name]).optional();

/** What a connector's config may say about limits; the names and units are those of `Limits`. */
export const readingLimitsSchema = z.strictObject({
  fieldBytes: limit('fieldBytes'),
  rowBytes: limit('rowBytes'),
  columns: limit('columns'),
  bytes: limit('bytes'),
  ratio: limit('ratio'),
  entries: limit('entries'),
  depth: limit('depth'),
  sharedBytes: limit('sharedBytes'),
  timeMs: limit('timeMs'),
  mergedRanges: limit('mergedRanges'),
} satisfies Record<keyof Limits, z.ZodType>);

/** The limits that hold for a source: what its config asks for, within what the operator allows. */
export function readingLimits(
  asked: z.infer<typeof readingLimitsSchema>,
  { maxBytes, timeoutMs }: SourceLimits,
): Partial<Limits> {
  const told = Object.entries(asked).filter(([, value]) => value !== undefined);
  return {
    ...(Object.fromEntries(told) as Partial<Limits>),
    bytes: Math.min(asked.bytes ?? maxBytes, maxBytes),
    timeMs: Math.min(asked.timeMs ?? timeoutMs, timeoutMs),
  };
}
