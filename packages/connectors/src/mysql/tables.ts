import type { ColumnType } from '@songhua/domain';
import { type SqlSession, type SqlTable, tablesOf } from '../sql/index.js';

const TYPES: Record<string, ColumnType> = {
  tinyint: 'integer',
  smallint: 'integer',
  mediumint: 'integer',
  int: 'integer',
  bigint: 'integer',
  year: 'integer',
  bit: 'integer',
  decimal: 'decimal',
  float: 'decimal',
  double: 'decimal',
  datetime: 'datetime',
  timestamp: 'datetime',
  date: 'date',
  time: 'time',
  json: 'json',
};

const TABLES = `
SELECT t.TABLE_SCHEMA, t.TABLE_NAME, t.TABLE_TYPE LIKE '%VIEW%', t.TABLE_ROWS, c.COLUMN_NAME, c.DATA_TYPE, c.EXTRA LIKE '%auto_increment%', k.ORDINAL_POSITION
FROM information_schema.TABLES t
JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME
LEFT JOIN information_schema.KEY_COLUMN_USAGE k
  ON k.TABLE_SCHEMA = t.TABLE_SCHEMA AND k.TABLE_NAME = t.TABLE_NAME AND k.COLUMN_NAME = c.COLUMN_NAME AND k.CONSTRAINT_NAME = 'PRIMARY'
WHERE t.TABLE_SCHEMA = COALESCE(NULLIF(?, ''), DATABASE())
ORDER BY t.TABLE_NAME, c.ORDINAL_POSITION`;

/** Tables and views that the user may read in one database. */
export async function mysqlTables(session: SqlSession, schema: string | undefined): Promise<SqlTable[]> {
  const rows = await session.rows({ text: TABLES, values: [schema ?? ''] });
  return tablesOf(
    rows.map(([space, table, view, estimate, column, type, counted, position]) => ({
      schema: space ?? '',
      table: table ?? '',
      view: view === '1',
      rowsEstimate: estimate && view !== '1' ? Number(estimate) : undefined,
      column: { name: column ?? '', type: TYPES[type?.toLowerCase() ?? ''] ?? 'string' },
      keyPosition: position ? Number(position) : undefined,
      counted: counted === '1',
    })),
  );
}
