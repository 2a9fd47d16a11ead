import { z } from 'zod';

// An instant with microseconds and an offset has 32.
const MOMENT_CHARS = 40;
// Clocks of the world are at most 14 hours from UTC; the catalog knows no more than 15, and no year before 1.
const MOMENT = /^(?!0000).*(Z|[+-](0\d|1[0-4]):?\d\d)$/;

/** An instant in ISO 8601 with its offset, as people give it and the catalog can keep it. */
export const momentSchema = z.iso
  .datetime({ offset: true })
  .max(MOMENT_CHARS)
  .regex(MOMENT, 'use a year from 0001 to 9999 and an offset of at most 14 hours, as in 2026-03-01T08:00:00+08:00');

/** Something in a value that the catalog cannot keep. */
export interface Unstorable {
  path: PropertyKey[];
  message: string;
}

// Documents that people write have about ten levels; deeper ones would use up the stack of whatever walks them.
const MAX_DEPTH = 64;
// PostgreSQL keeps neither.
const UNSTORABLE = /\0|\p{Surrogate}/u;

/** Everything in `value`, keys too, that is no text the catalog can keep, or is nested too deep. */
export function* unstorable(value: unknown, path: PropertyKey[] = []): Generator<Unstorable> {
  if (typeof value === 'string') {
    if (UNSTORABLE.test(value))
      yield { path, message: 'holds a NUL or half a character; write the text in valid UTF-8' };
  } else if (typeof value === 'object' && value !== null) {
    if (path.length >= MAX_DEPTH) {
      yield { path: path.slice(0, 3), message: `is nested deeper than ${MAX_DEPTH} levels; make it flatter` };
      return;
    }
    for (const [key, item] of Object.entries(value)) {
      yield* unstorable(key, [...path, key]);
      yield* unstorable(item, [...path, key]);
    }
  }
}
