import type { DatasetSpec } from '@songhua/contracts';
import type { NormalizeInput } from './types.js';

/** The part of what normalizing is told that the dataset declares. */
export type Rules = Pick<
  NormalizeInput,
  'declared' | 'blanks' | 'primaryKey' | 'schemaPolicy' | 'maxRejected' | 'maxRejectedRows' | 'maxShrink'
>;

type Declaration = Pick<DatasetSpec, 'columns' | 'blanks' | 'primaryKey' | 'schemaPolicy' | 'guards'>;

/** How a dataset wants its rows taken, for whoever refreshes it and whoever tries what a refresh would do. */
export function rulesOf({ columns, blanks, primaryKey, schemaPolicy, guards }: Declaration): Rules {
  return {
    ...(columns && { declared: columns.map((column) => present(column)) }),
    ...(blanks && { blanks }),
    primaryKey,
    schemaPolicy,
    ...present(guards),
  };
}

/** Without the fields that are undefined. */
const present = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
