const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/**
 * The promise: how often a dataset is declared to change, by its name in the EU frequency vocabulary, with the period in seconds by the
 * table below. Null: no period that could be missed.
 */
export const FREQUENCIES = {
  '1MIN': MINUTE,
  '5MIN': 5 * MINUTE,
  '10MIN': 10 * MINUTE,
  '15MIN': 15 * MINUTE,
  '30MIN': 30 * MINUTE,
  CONT: HOUR,
  UPDATE_CONT: HOUR,
  HOURLY: HOUR,
  BIHOURLY: 2 * HOUR,
  TRIHOURLY: 3 * HOUR,
  '12HRS': 12 * HOUR,
  DAILY_2: 12 * HOUR,
  DAILY: DAY,
  WEEKLY_5: (7 * DAY) / 5,
  WEEKLY_3: (7 * DAY) / 3,
  WEEKLY_2: (7 * DAY) / 2,
  WEEKLY: 7 * DAY,
  MONTHLY_3: 10 * DAY,
  BIWEEKLY: 14 * DAY,
  MONTHLY_2: 15 * DAY,
  MONTHLY: 30 * DAY,
  BIMONTHLY: 60 * DAY,
  QUARTERLY: 90 * DAY,
  ANNUAL_3: 120 * DAY,
  ANNUAL_2: 180 * DAY,
  ANNUAL: YEAR,
  BIENNIAL: 2 * YEAR,
  TRIENNIAL: 3 * YEAR,
  QUADRENNIAL: 4 * YEAR,
  QUINQUENNIAL: 5 * YEAR,
  DECENNIAL: 10 * YEAR,
  BIDECENNIAL: 20 * YEAR,
  TRIDECENNIAL: 30 * YEAR,
  IRREG: null,
  AS_NEEDED: null,
  NEVER: null,
  NOT_PLANNED: null,
  OTHER: null,
  OP_DATPRO: null,
  UNKNOWN: null,
} as const satisfies Record<string, number | null>;
export type Frequency = keyof typeof FREQUENCIES;

/** How often is not said, or not by a period: whether the promise is kept, nobody can tell. */
export const UNKNOWN_PROMISES: readonly Frequency[] = ['UNKNOWN', 'OTHER', 'OP_DATPRO'];
/** No change will come. */
export const NO_MORE_CHANGES: readonly Frequency[] = ['NEVER', 'NOT_PLANNED'];

/** Ages, in seconds, from which a dataset is due, overdue and delinquent. */
export interface Thresholds {
  due: number;
  overdue: number;
  delinquent: number;
}

// The Humanitarian Data Exchange's table, in days: period (and due), overdue, delinquent.
const TABLE: readonly (readonly [number, number, number])[] = [
  [1, 2, 3],
  [2, 4, 6],
  [7, 14, 21],
  [14, 21, 28],
  [30, 44, 60],
  [60, 84, 108],
  [90, 120, 150],
  [120, 147, 174],
  [180, 210, 240],
  [365, 425, 455],
  [730, 785, 840],
];

/**
 * When a promise is due and broken; null where there is no period. A period that the table lacks has the grace of the next shorter one
 * there; below a day, a period more and two.
 */
export function thresholdsOf(frequency: Frequency): Thresholds | null {
  const period = FREQUENCIES[frequency];
  if (period === null) return null;
  const row = TABLE.findLast(([days]) => days * DAY <= period);
  if (!row) return { due: period, overdue: 2 * period, delinquent: 3 * period };
  const [days, overdue, delinquent] = row;
  return { due: period, overdue: period + (overdue - days) * DAY, delinquent: period + (delinquent - days) * DAY };
}
