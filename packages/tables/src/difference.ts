import type { Changes } from '@songhua/contracts';
import type { Column } from '@songhua/domain';
import type { Session } from './engine.js';
import { rowHash } from './identity.js';
import { ident, literal } from './sql.js';
import { RULES } from './values/rules.js';
import type { Sql } from './values/types.js';

/** A version file and the columns it has. */
export interface TableFile {
  path: string;
  columns: readonly Column[];
}

/** The value of `column` in `file`: cast to its present type, NULL when the file has no such column. */
export function alignedValue(file: TableFile): (column: Column) => Sql {
  const own = new Map(file.columns.map((column) => [column.name, RULES[column.type].sqlType(column)]));
  return (column) => {
    const wanted = RULES[column.type].sqlType(column);
    const has = own.get(column.name);
    if (has === undefined) return `CAST(NULL AS ${wanted})`;
    if (has === wanted) return ident(column.name);
    // Text of an instant must not depend on the session, so other types become text as they are shown.
    const from = file.columns.find(({ name }) => name === column.name);
    const text = from && wanted === 'VARCHAR' ? RULES[from.type].text(ident(column.name)) : ident(column.name);
    return `TRY_CAST(${text} AS ${wanted})`;
  };
}

/** Rows of `file` with their 0-based position `file_row_number`. */
export const positioned = (file: TableFile): Sql => `read_parquet(${literal(file.path)}, file_row_number = true)`;

/**
 * Finds what differs between two files, under the columns and key of the newer one, and leaves it in two temporary tables:
 * `delta_new` (pos, change: added | changed) and `delta_old` (pos: removed). Without a key the difference is that of multisets.
 * Only hashes are joined, never rows.
 */
export async function findDifference(
  session: Session,
  from: TableFile,
  to: TableFile,
  primaryKey: readonly string[],
): Promise<Changes> {
  for (const [name, file] of [
    ['old_hashes', from],
    ['new_hashes', to],
  ] as const) {
    await session.run(`CREATE OR REPLACE TEMP TABLE ${name} AS
      SELECT file_row_number AS pos, ${rowHash(to.columns, alignedValue(file))} AS h FROM ${positioned(file)}`);
  }
  await session.run(`CREATE OR REPLACE TEMP TABLE delta AS SELECT h, sum(d) AS d FROM (
      SELECT h, 1 AS d FROM new_hashes UNION ALL SELECT h, -1 AS d FROM old_hashes) GROUP BY h HAVING sum(d) <> 0`);
  const unmatched = (hashes: string, sign: string): Sql => `
    SELECT pos FROM (
      SELECT pos, row_number() OVER (PARTITION BY h ORDER BY pos) AS k, ${sign}d AS surplus
      FROM ${hashes} JOIN delta USING (h) WHERE ${sign}d > 0
    ) WHERE k <= surplus`;
  await session.run(`CREATE OR REPLACE TEMP TABLE new_only AS ${unmatched('new_hashes', '')}`);
  await session.run(`CREATE OR REPLACE TEMP TABLE old_only AS ${unmatched('old_hashes', '-')}`);
  for (const name of ['old_hashes', 'new_hashes', 'delta']) await session.run(`DROP TABLE ${name}`);
  const key = to.columns.filter((column) => primaryKey.includes(column.name));
  if (key.length === 0) {
    await session.run(`CREATE OR REPLACE TEMP TABLE delta_new AS SELECT pos, 'added' AS change FROM new_only`);
    await session.run('CREATE OR REPLACE TEMP TABLE delta_old AS SELECT pos FROM old_only');
  } else {
    const keys = (file: TableFile, positions: string): Sql =>
      `SELECT pos, ${rowHash(key, alignedValue(file))} AS k FROM ${positioned(file)} JOIN ${positions} ON file_row_number = pos`;
    await session.run(`CREATE OR REPLACE TEMP TABLE new_keys AS ${keys(to, 'new_only')}`);
    await session.run(`CREATE OR REPLACE TEMP TABLE old_keys AS ${keys(from, 'old_only')}`);
    await session.run(`CREATE OR REPLACE TEMP TABLE delta_new AS
      SELECT pos, CASE WHEN k IN (SELECT k FROM old_keys) THEN 'changed' ELSE 'added' END AS change FROM new_keys`);
    await session.run(`CREATE OR REPLACE TEMP TABLE delta_old AS
      SELECT pos FROM old_keys WHERE k NOT IN (SELECT k FROM new_keys)`);
  }
  const counts = await session.one(`SELECT count(*) FILTER (change = 'added') AS added,
    count(*) FILTER (change = 'changed') AS changed, (SELECT count(*) FROM delta_old) AS removed FROM delta_new`);
  return { added: Number(counts.added), changed: Number(counts.changed), removed: Number(counts.removed) };
}

/** The differing rows, after `findDifference`: `_change`, then the newer columns; added and changed first, in file order. */
export function differingRows(from: TableFile, to: TableFile, show: (column: Column, value: Sql) => Sql): Sql {
  const values = (file: TableFile): string => {
    const value = alignedValue(file);
    return to.columns.map((column) => `${show(column, value(column))} AS ${ident(column.name)}`).join(', ');
  };
  return `SELECT change AS _change, ${values(to)} FROM ${positioned(to)} JOIN delta_new ON file_row_number = pos
    UNION ALL
    SELECT 'removed' AS _change, ${values(from)} FROM ${positioned(from)} JOIN delta_old ON file_row_number = pos`;
}
