import type { Column } from '@songhua/domain';
import { alignedValue, positioned, type TableFile } from '../difference.js';
import type { Session } from '../engine.js';
import { rowHash } from '../identity.js';
import { ident } from '../sql.js';
import type { Sql } from '../values/types.js';

/** What becomes of the rows of a read, the previous version considered. */
export interface Settled {
  /** Rows that are in the next version. */
  kept: number;
  /** Rows that say what other rows say, or that a later row of their key takes the place of. */
  deduplicated: number;
  /** Operations that take rows away. */
  deleted: number;
  /** Positions in the file of rows whose key an earlier row has with other content, ascending. */
  duplicates: number[];
  /** The rows of the next version, under the columns of the file, in order; undefined when the file holds exactly them. */
  rows: Sql | undefined;
}

interface Keyed {
  /** Rows in the file. */
  rows: number;
  primaryKey: readonly string[];
  /** The version whose rows stay; undefined when the read replaces them all. */
  previous: TableFile | undefined;
}

const keyColumns = (columns: readonly Column[], primaryKey: readonly string[]): Column[] =>
  columns.filter((column) => primaryKey.includes(column.name));

const names = (file: TableFile): string => file.columns.map((column) => ident(column.name)).join(', ');

/** The rows of `previous` under the columns of `file`. */
function previousRows(previous: TableFile, file: TableFile): Sql {
  const value = alignedValue(previous);
  const own = file.columns.map((column) => `${value(column)} AS ${ident(column.name)}`).join(', ');
  return `SELECT ${own} FROM ${positioned(previous)}`;
}

/**
 * Rows are only added: of a key the first row stays, those of `previous` before all others; an equal one is deduplicated, a different
 * one is a duplicate. Without a key, each row that `previous` has is recognised once and deduplicated.
 */
export async function settleFirst(session: Session, file: TableFile, keyed: Keyed): Promise<Settled> {
  const { previous } = keyed;
  const key = keyColumns(file.columns, keyed.primaryKey);
  const shared = key.length > 0 && (await findSharedKeys(session, file, key));
  if (!shared && !previous) return { kept: keyed.rows, deduplicated: 0, deleted: 0, duplicates: [], rows: undefined };
  await session.run('CREATE OR REPLACE TEMP TABLE dropped (pos BIGINT, duplicate BOOLEAN)');
  if (shared) await dropSharedKeys(session, file, key);
  if (previous) await (key.length > 0 ? dropKnownKeys : dropKnownRows)(session, { file, previous, key });
  const found = await session.all('SELECT pos FROM dropped WHERE duplicate ORDER BY pos');
  const equal = await session.one('SELECT count(*) AS n FROM dropped WHERE NOT duplicate');
  const duplicates = found.map((row) => Number(row.pos));
  const deduplicated = Number(equal.n);
  const dropped = deduplicated + duplicates.length;
  const own = `SELECT ${names(file)} FROM ${positioned(file)}${dropped > 0 ? ' WHERE file_row_number NOT IN (SELECT pos FROM dropped)' : ''}`;
  const rows = previous ? `${previousRows(previous, file)} UNION ALL ${own}` : dropped > 0 ? own : undefined;
  return { kept: keyed.rows - dropped, deduplicated, deleted: 0, duplicates, rows };
}

const shortKey = (key: readonly Column[]): Sql => `hash(${key.map((column) => ident(column.name)).join(', ')})`;

/** Eight bytes a row decide for nearly all rows: leaves those that several rows share in the table `shared`; false when there are none. */
async function findSharedKeys(session: Session, file: TableFile, key: readonly Column[]): Promise<boolean> {
  await session.run(`CREATE OR REPLACE TEMP TABLE shared AS
    SELECT s FROM (SELECT ${shortKey(key)} AS s FROM ${positioned(file)}) GROUP BY s HAVING count(*) > 1`);
  return Number((await session.one('SELECT count(*) AS n FROM shared')).n) > 0;
}

async function dropSharedKeys(session: Session, file: TableFile, key: readonly Column[]): Promise<void> {
  await session.run(`INSERT INTO dropped
    SELECT pos, h <> first_h FROM (
      SELECT pos, h, row_number() OVER same AS nth, first_value(h) OVER same AS first_h FROM (
        SELECT file_row_number AS pos, ${rowHash(key)} AS k, ${rowHash(file.columns)} AS h
        FROM ${positioned(file)} WHERE ${shortKey(key)} IN (SELECT s FROM shared)
      ) WINDOW same AS (PARTITION BY k ORDER BY pos)
    ) WHERE nth > 1`);
}

interface Known {
  file: TableFile;
  previous: TableFile;
  key: readonly Column[];
}

async function dropKnownKeys(session: Session, { file, previous, key }: Known): Promise<void> {
  const value = alignedValue(previous);
  await session.run(`INSERT INTO dropped
    SELECT pos, h <> before_h FROM (
      SELECT file_row_number AS pos, ${rowHash(key)} AS k, ${rowHash(file.columns)} AS h FROM ${positioned(file)}
    ) JOIN (
      SELECT ${rowHash(key, value)} AS k, ${rowHash(file.columns, value)} AS before_h FROM ${positioned(previous)}
    ) USING (k) WHERE pos NOT IN (SELECT pos FROM dropped)`);
}

async function dropKnownRows(session: Session, { file, previous }: Known): Promise<void> {
  await session.run(`CREATE OR REPLACE TEMP TABLE read_hashes AS
    SELECT file_row_number AS pos, ${rowHash(file.columns)} AS h FROM ${positioned(file)}`);
  await session.run(`CREATE OR REPLACE TEMP TABLE known AS SELECT h, count(*) AS n FROM (
      SELECT ${rowHash(file.columns, alignedValue(previous))} AS h FROM ${positioned(previous)}
    ) WHERE h IN (SELECT h FROM read_hashes) GROUP BY h`);
  await session.run(`INSERT INTO dropped
    SELECT pos, false FROM (
      SELECT pos, n, row_number() OVER (PARTITION BY h ORDER BY pos) AS nth FROM read_hashes JOIN known USING (h)
    ) WHERE nth <= n`);
  for (const name of ['read_hashes', 'known']) await session.run(`DROP TABLE ${name}`);
}

/**
 * The last row of a key stands and takes the place of the one in `previous`; one for which `put` is false takes it away. The others
 * are deduplicated.
 */
export async function settleLast(
  session: Session,
  file: TableFile,
  { put, ...keyed }: Keyed & { put?: Sql | undefined },
): Promise<Settled> {
  const { previous, rows } = keyed;
  const key = keyColumns(file.columns, keyed.primaryKey);
  await session.run(`CREATE OR REPLACE TEMP TABLE standing AS
    SELECT k, max(pos) AS pos, max_by(put, pos) AS put FROM (
      SELECT ${rowHash(key)} AS k, file_row_number AS pos, ${put ?? 'true'} AS put FROM ${positioned(file)}
    ) GROUP BY k`);
  const counted = await session.one(
    'SELECT count(*) FILTER (put) AS puts, count(*) FILTER (NOT put) AS gone FROM standing',
  );
  const kept = Number(counted.puts);
  const deleted = Number(counted.gone);
  const whole = kept === rows && put === undefined;
  const own = `SELECT ${names(file)} FROM ${positioned(file)}${whole ? '' : ' WHERE file_row_number IN (SELECT pos FROM standing WHERE put)'}`;
  const stay =
    previous &&
    `${previousRows(previous, file)} WHERE ${rowHash(key, alignedValue(previous))} NOT IN (SELECT k FROM standing)`;
  const select = stay ? `${stay} UNION ALL ${own}` : whole ? undefined : own;
  return { kept, deduplicated: rows - kept - deleted, deleted, duplicates: [], rows: select };
}
