import { type ReadContext, sourceError } from '@songhua/connector-sdk';
import { durationMs, type SqlReading } from './config.js';
import type { SqlCursor } from './cursor.js';
import { hasNoOverlap, lowerBound } from './overlap.js';
import type { News } from './statement.js';

/** What one read is: a range without moving the cursor, what came since the cursor, or everything. */
export type ReadKind = 'range' | 'part' | 'all';

/** Throws `connector.config-invalid` where mode and config do not go together. */
export function kindOfRead(context: ReadContext<SqlReading>, known: SqlCursor | undefined, now: Date): ReadKind {
  const { mode, range, config } = context;
  const invalid = (message: string) => sourceError('connector.config-invalid', message);
  if (mode === 'cdc')
    throw invalid(
      'mode cdc needs a stream of changes, which a query is not; use mode merge with a cursor, or a kind that has one',
    );
  if (mode === 'append' && config.softDelete)
    throw invalid('softDelete means that rows go away, which mode append never lets them; use mode merge');
  if (mode === 'append' && context.primaryKey.length === 0 && saysNotWhen(config))
    throw invalid(
      'without a primary key rows are told apart by what they say, so the cursor column must be among the columns in mode append; add it there, or give the dataset a primaryKey',
    );
  if (range !== undefined) {
    if (config.cursor === undefined) throw invalid('a range needs a cursor; name one in the config as cursor.column');
    return 'range';
  }
  if (!isIncremental(context) || known?.value === undefined) return 'all';
  const { fullEvery } = config;
  const due = fullEvery !== undefined && now.getTime() - Date.parse(known.fullAt) >= durationMs(fullEvery);
  return due ? 'all' : 'part';
}

/** Whether rows of different moments may read the same. */
const saysNotWhen = ({ cursor, columns }: SqlReading): boolean =>
  cursor !== undefined && columns !== undefined && !columns.includes(cursor.column);

export const isIncremental = ({ mode, config }: ReadContext<SqlReading>): boolean =>
  (mode === 'append' || mode === 'merge') && config.cursor !== undefined;

/**
 * What may be new after the rows that `end` stands for. Its own value is read again, because others of the same value may come later;
 * only a key that grows among them lets them be left out.
 */
export function newsAfter(end: { value: string; key?: string | undefined }, config: SqlReading): News {
  const overlap = config.cursor?.overlap;
  if (end.key !== undefined && hasNoOverlap(end.value, overlap)) return { after: [end.value, end.key] };
  return { from: lowerBound(end.value, overlap) };
}

/** What of the rows up to `value` is news again at the next read, before anything changes. */
export function newsAgain(value: string, config: SqlReading): News {
  const overlap = config.cursor?.overlap;
  const leftOut = config.cursor?.key !== undefined && hasNoOverlap(value, overlap);
  return leftOut ? { above: value } : { from: lowerBound(value, overlap) };
}
