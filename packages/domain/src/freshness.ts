/** The promise: how often a dataset is declared to change (EU frequency vocabulary names, the subset the city uses). */
export const FREQUENCIES = {
  CONT: 3600,
  HOURLY: 3600,
  DAILY: 86_400,
  WEEKLY: 7 * 86_400,
  BIWEEKLY: 14 * 86_400,
  MONTHLY: 31 * 86_400,
  BIMONTHLY: 62 * 86_400,
  QUARTERLY: 92 * 86_400,
  ANNUAL_2: 184 * 86_400,
  ANNUAL: 366 * 86_400,
  BIENNIAL: 731 * 86_400,
  IRREG: null,
  NEVER: null,
  UNKNOWN: null,
} as const satisfies Record<string, number | null>;
export type Frequency = keyof typeof FREQUENCIES;

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

// A grace of a tenth of the period absorbs a late export; past twice the period the promise is plainly broken.
const GRACE = 0.1;
const DELINQUENT_AT = 2;

/**
 * Freshness of a dataset from its promise, at `now`.
 * The promise is kept by a successful check that found the published data still true, or by a change of data:
 * the age is measured from the later of `checkedAt` and `dataChangedAt`. Without a version, or a promise, it is `unknown`.
 */
export function freshness(frequency: Frequency, clocks: Clocks, now: Date, retired = false): Freshness {
  if (retired) return 'retired';
  const period = FREQUENCIES[frequency];
  if (clocks.dataChangedAt === null) return 'unknown';
  if (period === null) return frequency === 'UNKNOWN' ? 'unknown' : 'fresh';
  const last = Math.max(clocks.dataChangedAt.getTime(), clocks.checkedAt?.getTime() ?? 0);
  const age = (now.getTime() - last) / 1000 / period;
  if (age <= 1) return 'fresh';
  if (age <= 1 + GRACE) return 'due';
  return age <= DELINQUENT_AT ? 'overdue' : 'delinquent';
}
