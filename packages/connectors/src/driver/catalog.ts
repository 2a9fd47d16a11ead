import { type Cell, type SqlTable, type Statement, tablesOf } from '../sql/index.js';
import { columnTypeOf } from './types.js';

/** Tables and columns by the views that Oracle has and Dameng follows; of the user's own schema unless one is named. */
export function catalogStatement(schema: string | undefined): Statement {
  return {
    text: `
SELECT c.OWNER, c.TABLE_NAME, t.NUM_ROWS, c.COLUMN_NAME, c.DATA_TYPE, c.DATA_SCALE, p.POSITION
FROM ALL_TAB_COLUMNS c
LEFT JOIN ALL_TABLES t ON t.OWNER = c.OWNER AND t.TABLE_NAME = c.TABLE_NAME
LEFT JOIN (SELECT k.OWNER, k.TABLE_NAME, n.COLUMN_NAME, n.POSITION FROM ALL_CONSTRAINTS k
           JOIN ALL_CONS_COLUMNS n ON n.OWNER = k.OWNER AND n.CONSTRAINT_NAME = k.CONSTRAINT_NAME
           WHERE k.CONSTRAINT_TYPE = 'P') p
  ON p.OWNER = c.OWNER AND p.TABLE_NAME = c.TABLE_NAME AND p.COLUMN_NAME = c.COLUMN_NAME
WHERE c.OWNER = ${schema === undefined ? 'USER' : ':1'}
ORDER BY c.TABLE_NAME, c.COLUMN_ID`,
    values: schema === undefined ? [] : [schema],
  };
}

export const tablesOfCatalog = (rows: Cell[][], typeOf: typeof columnTypeOf): SqlTable[] =>
  tablesOf(
    rows.map(([schema, table, estimate, column, native, scale, position]) => ({
      schema: schema ?? '',
      table: table ?? '',
      view: false,
      rowsEstimate: estimate ? Number(estimate) : undefined,
      column: { name: column ?? '', type: typeOf(native, scale === null ? undefined : Number(scale)) },
      keyPosition: position ? Number(position) : undefined,
      counted: false,
    })),
  );

/** The same for SQL Server. */
export function sqlserverCatalog(schema: string | undefined): Statement {
  return {
    text: `
SELECT s.name, o.name, CASE o.type WHEN 'V' THEN '1' ELSE '0' END,
       (SELECT CONVERT(varchar(20), SUM(p.rows)) FROM sys.partitions p WHERE p.object_id = o.object_id AND p.index_id IN (0, 1)),
       c.name, t.name, CONVERT(varchar(3), c.is_identity),
       (SELECT CONVERT(varchar(5), ic.key_ordinal) FROM sys.indexes i JOIN sys.index_columns ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
        WHERE i.object_id = o.object_id AND i.is_primary_key = 1 AND ic.column_id = c.column_id)
FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id JOIN sys.columns c ON c.object_id = o.object_id
JOIN sys.types t ON t.user_type_id = c.system_type_id
WHERE o.type IN ('U', 'V')${schema === undefined ? '' : ' AND s.name = @p1'}
ORDER BY CASE s.name WHEN SCHEMA_NAME() THEN 0 ELSE 1 END, s.name, o.name, c.column_id`,
    values: schema === undefined ? [] : [schema],
  };
}

export const tablesOfSqlserver = (rows: Cell[][]): SqlTable[] =>
  tablesOf(
    rows.map(([schema, table, view, estimate, column, native, counted, position]) => ({
      schema: schema ?? '',
      table: table ?? '',
      view: view === '1',
      rowsEstimate: estimate ? Number(estimate) : undefined,
      column: { name: column ?? '', type: columnTypeOf(native) },
      keyPosition: position ? Number(position) : undefined,
      counted: counted === '1',
    })),
  );
