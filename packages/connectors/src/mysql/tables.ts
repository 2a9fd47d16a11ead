import type { ColumnType } from '@songhua/domain';
import { type SqlSession, type SqlTable, TABLES_AT_MOST } from '../sql/index.js';

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
  const tables = new Map<string, SqlTable & { order: [number, string][] }>();
  for (const [space, name, view, estimate, column, type, counted, position] of rows) {
    let table = tables.get(name ?? '');
    if (!table) {
      if (tables.size === TABLES_AT_MOST) break;
      const rowsEstimate = estimate === null || view === '1' ? undefined : Number(estimate);
      table = {
        schema: space ?? '',
        name: name ?? '',
        view: view === '1',
        columns: [],
        key: [],
        counted: [],
        rowsEstimate,
        order: [],
      };
      tables.set(name ?? '', table);
    }
    table.columns.push({ name: column ?? '', type: TYPES[type?.toLowerCase() ?? ''] ?? 'string' });
    if (position !== null && position !== undefined) table.order.push([Number(position), column ?? '']);
    if (counted === '1') table.counted.push(column ?? '');
  }
  return [...tables.values()].map(({ order, ...table }) => ({
    ...table,
    key: order.sort(([a], [b]) => a - b).map(([, column]) => column),
  }));
}
