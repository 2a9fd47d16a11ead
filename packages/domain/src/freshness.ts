import { type Frequency, thresholdsOf, UNKNOWN_PROMISES } from './promise.js';

/** Does the source keep its promise? */
export const FRESHNESS_STATES = ['fresh', 'due', 'overdue', 'delinquent', 'unknown', 'retired'] as const;
export type Freshness = (typeof FRESHNESS_STATES)[number];

/** The four clocks of a dataset; each is the last time that thing happened, or null when it never did. */
export interface Clocks {
  /** The source was asked and answered, whether or not anything had changed. Not by a backfill, which asks for the past. */
  checkedAt: Date | null;
  /** The source's own statement of its last change. */
  sourceChangedAt: Date | null;
  /** The published rows last changed, other than by a backfill. */
  dataChangedAt: Date | null;
  /** Title, description or other metadata last changed. */
  metadataChangedAt: Date | null;
}

/** What a dataset declares of its changes. */
export interface Promised {
  frequency: Frequency;
  /** A check that found nothing new keeps the promise as a change does. */
  confirmationCounts: boolean;
  retired: boolean;
}

export interface Freshly {
  state: Freshness;
  /** When the next change is due; null where no promise can be missed. */
  dueAt: Date | null;
  /** Since when it is overdue; null while it is not. */
  lateSince: Date | null;
}

/**
 * Whether a source keeps its promise, at `now`: by the time since its data changed, or it said so itself. That it was looked at is no
 * change, unless the dataset declares that a confirmation counts. Without a version, or a known promise, it is `unknown`.
 */
export function freshness({ frequency, confirmationCounts, retired }: Promised, clocks: Clocks, now: Date): Freshly {
  const never = { dueAt: null, lateSince: null };
  if (retired) return { state: 'retired', ...never };
  const changed = lastChange(clocks, confirmationCounts);
  if (changed === null || UNKNOWN_PROMISES.includes(frequency)) return { state: 'unknown', ...never };
  const thresholds = thresholdsOf(frequency);
  if (!thresholds) return { state: 'fresh', ...never };
  const after = (seconds: number): Date => new Date(changed + seconds * 1000);
  const late = after(thresholds.overdue);
  const reached = (moment: Date): boolean => now >= moment;
  const dueAt = after(thresholds.due);
  return {
    state: reached(after(thresholds.delinquent))
      ? 'delinquent'
      : reached(late)
        ? 'overdue'
        : reached(dueAt)
          ? 'due'
          : 'fresh',
    dueAt,
    lateSince: reached(late) ? late : null,
  };
}

/** In milliseconds; null before the first version. */
function lastChange(clocks: Clocks, confirmationCounts: boolean): number | null {
  const { checkedAt, sourceChangedAt, dataChangedAt } = clocks;
  if (dataChangedAt === null) return null;
  const changed = dataChangedAt.getTime();
  const checked = checkedAt?.getTime() ?? changed;
  // A source whose clock is ahead cannot have changed after it was looked at: a date in the far future would keep every promise.
  const stated = sourceChangedAt === null ? changed : Math.min(sourceChangedAt.getTime(), checked);
  return Math.max(changed, stated, confirmationCounts ? checked : changed);
}
