import type { Column, SyncMode } from '@songhua/domain';
import { alignedValue, positioned, type TableFile } from '../difference.js';
import type { Session } from '../engine.js';
import { rowHash } from '../identity.js';
import { ident } from '../sql.js';

/** Rows that cannot be in the version because of their key. */
export interface KeyConflicts {
  /** Same key and same content as another row: kept once. */
  deduplicated: number;
  /** Positions in the file of rows whose key another row already has with other content, ascending. */
  duplicates: number[];
}

/**
 * Finds rows of `file` that share a key and leaves the positions to drop in the temporary table `dropped` (pos).
 * In `merge` mode the last row of a key wins and the others count as deduplicated; else the first wins, equal rows are deduplicated
 * and different ones are duplicates; in `append` mode the rows of `previous` come before all others.
 */
export async function findKeyConflicts(
  session: Session,
  file: TableFile,
  { mode, primaryKey, previous }: { mode: SyncMode; primaryKey: readonly string[]; previous: TableFile | undefined },
): Promise<KeyConflicts> {
  const key = keyColumns(file.columns, primaryKey);
  if (key.length === 0) return { deduplicated: 0, duplicates: [] };
  await session.run('CREATE OR REPLACE TEMP TABLE dropped (pos BIGINT, duplicate BOOLEAN)');
  // Eight bytes a row decide for nearly all rows; only rows that share them are looked at whole.
  const short = `hash(${key.map((column) => ident(column.name)).join(', ')})`;
  await session.run(`CREATE OR REPLACE TEMP TABLE shared AS
    SELECT s FROM (SELECT ${short} AS s FROM ${positioned(file)}) GROUP BY s HAVING count(*) > 1`);
  if (Number((await session.one('SELECT count(*) AS n FROM shared')).n) > 0) {
    const order = mode === 'merge' ? 'DESC' : 'ASC';
    await session.run(`INSERT INTO dropped
      SELECT pos, ${mode === 'merge' ? 'false' : 'h <> first_h'} FROM (
        SELECT pos, h, row_number() OVER same AS nth, first_value(h) OVER same AS first_h FROM (
          SELECT file_row_number AS pos, ${rowHash(key)} AS k, ${rowHash(file.columns)} AS h
          FROM ${positioned(file)} WHERE ${short} IN (SELECT s FROM shared)
        ) WINDOW same AS (PARTITION BY k ORDER BY pos ${order})
      ) WHERE nth > 1`);
  }
  if (mode === 'append' && previous) {
    const value = alignedValue(previous);
    await session.run(`INSERT INTO dropped
      SELECT pos, h <> before_h FROM (
        SELECT file_row_number AS pos, ${rowHash(key)} AS k, ${rowHash(file.columns)} AS h FROM ${positioned(file)}
      ) JOIN (
        SELECT ${rowHash(key, value)} AS k, ${rowHash(file.columns, value)} AS before_h FROM ${positioned(previous)}
      ) USING (k) WHERE pos NOT IN (SELECT pos FROM dropped)`);
  }
  return conflicts(session);
}

async function conflicts(session: Session): Promise<KeyConflicts> {
  const rows = await session.all('SELECT pos FROM dropped WHERE duplicate ORDER BY pos');
  const { n } = await session.one('SELECT count(*) AS n FROM dropped WHERE NOT duplicate');
  return { deduplicated: Number(n), duplicates: rows.map((row) => Number(row.pos)) };
}

export const keyColumns = (columns: readonly Column[], primaryKey: readonly string[]): Column[] =>
  columns.filter((column) => primaryKey.includes(column.name));

/** The rows of `file` that `findKeyConflicts` did not drop, in order. */
export const keptRows = (file: TableFile): string =>
  `SELECT ${file.columns.map((column) => ident(column.name)).join(', ')} FROM ${positioned(file)}
   WHERE file_row_number NOT IN (SELECT pos FROM dropped)`;

/**
 * The rows of the version that follows `previous` when `incoming` (conflict-free) is merged or appended to it: previous rows in order,
 * without those whose key comes again, then the incoming ones.
 */
export function mergedRows(previous: TableFile, incoming: TableFile, primaryKey: readonly string[]): string {
  const value = alignedValue(previous);
  const own = incoming.columns.map((column) => `${value(column)} AS ${ident(column.name)}`).join(', ');
  const names = incoming.columns.map((column) => ident(column.name)).join(', ');
  const key = keyColumns(incoming.columns, primaryKey);
  const replaced =
    key.length === 0 ? '' : `WHERE ${rowHash(key, value)} NOT IN (SELECT ${rowHash(key)} FROM ${positioned(incoming)})`;
  return `SELECT ${own} FROM ${positioned(previous)} ${replaced} UNION ALL SELECT ${names} FROM ${positioned(incoming)}`;
}
