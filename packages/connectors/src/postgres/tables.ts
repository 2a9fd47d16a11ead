import { codeOf } from '@songhua/domain';
import { type Cell, type SqlSession, type SqlTable, tablesOf } from '../sql/index.js';
import { columnTypeNamed, columnTypeOf } from './types.js';

// Base types stand for domains, arrays are their own type.
const TABLES = `
SELECT n.nspname, c.relname, c.relkind IN ('v', 'm'), c.reltuples::bigint, a.attname,
       CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END,
       array_position(i.indkey::int[], a.attnum::int),
       COALESCE(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false) OR a.attidentity <> ''
FROM (SELECT * FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege(oid, 'SELECT')
      ORDER BY relname) c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND ($1 = '' OR n.nspname = $1)
ORDER BY n.nspname = current_schema() DESC, n.nspname, c.relname, a.attnum`;

// What the standard asks of every server: those that only speak the protocol, or descend from an old PostgreSQL, lack parts of the above.
const STANDARD_TABLES = `
SELECT c.table_schema, c.table_name, t.table_type LIKE '%VIEW%', c.column_name, c.data_type, k.ordinal_position,
       COALESCE(c.column_default LIKE 'nextval(%', false)
FROM information_schema.columns c
JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
LEFT JOIN (SELECT u.table_schema, u.table_name, u.column_name, u.ordinal_position
           FROM information_schema.table_constraints p
           JOIN information_schema.key_column_usage u
             ON u.constraint_schema = p.constraint_schema AND u.constraint_name = p.constraint_name AND u.table_name = p.table_name
           WHERE p.constraint_type = 'PRIMARY KEY') k
  ON k.table_schema = c.table_schema AND k.table_name = c.table_name AND k.column_name = c.column_name
WHERE c.table_schema NOT LIKE 'pg\\_%' AND c.table_schema <> 'information_schema' AND ($1 = '' OR c.table_schema = $1)
ORDER BY c.table_schema = current_schema() DESC, c.table_schema, c.table_name, c.ordinal_position`;

/** Tables and views that the user may read, those of the usual schema first. `restart` ends a transaction that failed. */
export async function postgresTables(
  session: SqlSession,
  schema: string | undefined,
  restart: () => Promise<unknown>,
): Promise<SqlTable[]> {
  const values = [schema ?? ''];
  try {
    return ownTables(await session.rows({ text: TABLES, values }));
  } catch (error) {
    if (!UNKNOWN_THERE.has(codeOf(error) ?? '')) throw error;
    await restart();
    return standardTables(await session.rows({ text: STANDARD_TABLES, values }));
  }
}

// What a statement ends with that names what the server does not have.
const UNKNOWN_THERE = new Set(['source.missing', 'connector.config-invalid']);

const standardTables = (rows: Cell[][]): SqlTable[] =>
  tablesOf(
    rows.map(([space, table, view, column, type, position, counted]) => ({
      schema: space ?? '',
      table: table ?? '',
      view: view === 'true',
      column: { name: column ?? '', type: columnTypeNamed(type ?? '') },
      keyPosition: position ? Number(position) : undefined,
      counted: counted === 'true',
    })),
  );

function ownTables(rows: Cell[][]): SqlTable[] {
  return tablesOf(
    rows.map(([space, table, view, estimate, column, type, position, counted]) => ({
      schema: space ?? '',
      table: table ?? '',
      view: view === 'true',
      // Before the first ANALYZE nothing is known, which is -1 (0 in old versions).
      rowsEstimate: Number(estimate) > 0 && view !== 'true' ? Number(estimate) : undefined,
      column: { name: column ?? '', type: columnTypeOf(Number(type)) },
      keyPosition: position ? Number(position) : undefined,
      counted: counted === 'true',
    })),
  );
}
