import { join } from 'node:path';
import { OPERATIONS } from '@songhua/contracts';
import type { Session } from '../engine.js';
import { cellName, literal } from '../sql.js';
import type { NormalizeInput } from '../types.js';
import type { Sql } from '../values/types.js';
import { corrupt, writeParquet } from './candidate.js';
import type { CellRows } from './cells.js';
import type { Carried, PlannedColumn } from './plan.js';
import { landedRows, OPERATION } from './source.js';

const OPERATION_CELL: Sql = cellName(0);

/** Rows that say what they do, sorted by whether they still count. */
export interface Operations {
  /** Puts and deletes after the last truncate; the cells of a delete that are not its key are NULL. */
  cells: CellRows & { carried: Carried };
  /** Rows that a later truncate undid; they are not parsed. */
  undone: number;
  /** 1 when everything before `cells` is to go, the previous version included. */
  truncates: number;
  /** Rows whose operation is none; a relation like `cells.numbered`, and how many. */
  unknown: { relation: string; rows: number };
}

/** Whether a parsed row, which carries its operation as `as`, puts rather than deletes. */
export const isPut = (as: Sql): Sql => `${as} = ${literal(OPERATIONS.put)}`;

/**
 * Reads the landed operations once and keeps them, with their positions, in a file beside the outputs: what follows asks for them in
 * several orders, and unpacking and numbering them is the dear part.
 */
export async function readOperations(
  session: Session,
  input: NormalizeInput,
  plan: readonly PlannedColumn[],
): Promise<Operations> {
  const path = join(input.out, 'operations.parquet');
  const key = new Set(plan.filter(({ column }) => input.primaryKey.includes(column.name)).map(({ cell }) => cell));
  const isDelete = `${OPERATION_CELL} = ${literal(OPERATIONS.delete)}`;
  const cells = input.columns.map((_, i) => {
    const cell = cellName(i + 1);
    return `${key.has(i) ? cell : `CASE WHEN ${isDelete} THEN NULL ELSE ${cell} END`} AS ${cellName(i)}`;
  });
  const landed = landedRows({ ...input, columns: [{ name: '', source: '' }, ...input.columns] });
  const rows = await writeParquet(
    session,
    `SELECT ${[`${OPERATION_CELL} AS ${OPERATION}`, ...cells].join(', ')} FROM ${landed}`,
    path,
  );
  if (rows !== input.rows) throw corrupt(input, rows);

  const file = `read_parquet(${literal(path)}, file_row_number = true)`;
  const counted = await session.one(`
    SELECT truncated, count(*) FILTER (NOT known) AS unknown, count(*) FILTER (known AND pos <= truncated) AS undone
    FROM (SELECT max(file_row_number) FILTER (${OPERATION} = ${literal(OPERATIONS.truncate)}) AS truncated FROM ${file}),
      (SELECT file_row_number AS pos, COALESCE(${OPERATION} IN (${Object.values(OPERATIONS).map(literal).join(', ')}), false) AS known
       FROM ${file}) GROUP BY truncated`);
  const truncated = typeof counted.truncated === 'bigint' ? Number(counted.truncated) : -1;
  const unknown = Number(counted.unknown ?? 0);
  // The last truncate itself is among them.
  const undone = Math.max(Number(counted.undone ?? 0) - 1, 0);
  const truncates = truncated < 0 ? 0 : 1;
  const positioned = `SELECT * EXCLUDE (file_row_number), file_row_number AS _row FROM ${file}`;
  const known = `${OPERATION} IN (${[OPERATIONS.put, OPERATIONS.delete].map(literal).join(', ')})`;
  const all = `(${positioned} WHERE ${known} AND file_row_number > ${truncated})`;
  return {
    cells: {
      rows: rows - undone - truncates - unknown,
      all,
      first: all,
      numbered: (relation) => relation,
      carried: { column: OPERATION, as: unlike(OPERATION, plan) },
    },
    undone,
    truncates,
    unknown: {
      relation: `(${positioned} WHERE ${known} IS NOT TRUE AND ${OPERATION} IS DISTINCT FROM ${literal(OPERATIONS.truncate)})`,
      rows: unknown,
    },
  };
}

/** A name that no published column has; DuckDB does not tell case apart. */
function unlike(name: string, plan: readonly PlannedColumn[]): string {
  const taken = new Set(plan.map(({ column }) => column.name.toLowerCase()));
  let free = name;
  while (taken.has(free)) free += '_';
  return free;
}

/** `plan` for rows of which some delete: only the key must have a value in those. */
export const planForOperations = (plan: readonly PlannedColumn[], primaryKey: readonly string[]): PlannedColumn[] =>
  plan.map((planned) =>
    planned.required && !primaryKey.includes(planned.column.name)
      ? { ...planned, requiredIn: isPut(OPERATION) }
      : planned,
  );
