import { type Column, type ColumnType, SonghuaError } from '@songhua/domain';
import type { Session } from '../engine.js';
import { ident, literal } from '../sql.js';
import type { RowsQuery } from '../types.js';
import { RULES } from '../values/rules.js';
import type { Sql } from '../values/types.js';

const TYPE_OF: Record<string, ColumnType> = {
  VARCHAR: 'string',
  BIGINT: 'integer',
  BOOLEAN: 'boolean',
  DATE: 'date',
  TIME: 'time',
  'TIMESTAMP WITH TIME ZONE': 'datetime',
};

/** The columns of a version file, from the file itself. */
export async function columnsOf(session: Session, path: string): Promise<Column[]> {
  const rows = await session.all(`DESCRIBE SELECT * FROM read_parquet(${literal(path)})`);
  return rows.map((row) => {
    const type = String(row.column_type);
    const width = /^DECIMAL\((\d+),(\d+)\)$/.exec(type);
    const base = { name: String(row.column_name), nullable: true };
    if (width) return { ...base, type: 'decimal', precision: Number(width[1]), scale: Number(width[2]) };
    return { ...base, type: TYPE_OF[type] ?? 'string' };
  });
}

/** A value as JSON shows it: integers and booleans as they are, everything else as text. */
export const shown = (column: Column, value: Sql): Sql =>
  column.type === 'integer' || column.type === 'boolean' ? value : RULES[column.type].text(value);

/** Integers within 2^53 become numbers, larger ones text. */
export function toJson(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (typeof value !== 'bigint') return [name, value];
      return [name, Number.isSafeInteger(Number(value)) ? Number(value) : String(value)];
    }),
  );
}

function known(columns: readonly Column[], name: string): Column {
  const column = columns.find((candidate) => candidate.name === name);
  if (column) return column;
  throw new SonghuaError(
    'rows.unknown-column',
    `There is no column ${JSON.stringify(name.slice(0, 100))}; the columns are ${columns.map((c) => c.name).join(', ')}`,
    { actor: 'department' },
  );
}

/** A page of a version file. Filters compare with what the page shows, or with the value that the text means; '' finds NULL. */
export async function readRows(
  session: Session,
  path: string,
  query: RowsQuery,
): Promise<{ rows: Record<string, unknown>[]; total: number }> {
  const columns = await columnsOf(session, path);
  const bind: string[] = [];
  const conditions = Object.entries(query.where).map(([name, text]) => {
    const column = known(columns, name);
    if (text === '') return `${ident(name)} IS NULL`;
    bind.push(text);
    if (column.type === 'string') return `${ident(name)} = $${bind.length}`;
    return `${ident(name)} = ${RULES[column.type].parse(`CAST($${bind.length} AS VARCHAR)`, column)}`;
  });
  const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
  const sort = query.sort && known(columns, query.sort.column);
  // The position breaks ties, so that pages never overlap.
  const order = sort
    ? `ORDER BY ${ident(sort.name)} ${query.sort?.descending ? 'DESC' : 'ASC'} NULLS LAST, file_row_number`
    : 'ORDER BY file_row_number';
  const source = `read_parquet(${literal(path)}, file_row_number = true)`;
  const values = columns.map((column) => `${shown(column, ident(column.name))} AS ${ident(column.name)}`).join(', ');
  const { n } = await session.one(`SELECT count(*) AS n FROM ${source} ${where}`, bind);
  const rows = await session.all(
    `SELECT ${values} FROM (SELECT * FROM ${source} ${where} ${order}
     LIMIT ${Math.max(0, Math.trunc(query.limit))} OFFSET ${Math.max(0, Math.trunc(query.offset))})`,
    bind,
  );
  return { rows: rows.map(toJson), total: Number(n) };
}

/** Rows of a version file, from its footer. */
export async function countRows(session: Session, path: string): Promise<number> {
  const { n } = await session.one(`SELECT count(*) AS n FROM read_parquet(${literal(path)})`);
  return Number(n);
}
