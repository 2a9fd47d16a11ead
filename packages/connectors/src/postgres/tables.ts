import { type SqlSession, type SqlTable, tablesOf } from '../sql/index.js';
import { columnTypeOf } from './types.js';

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

/** Tables and views that the user may read, those of the usual schema first. */
export async function postgresTables(session: SqlSession, schema: string | undefined): Promise<SqlTable[]> {
  const rows = await session.rows({ text: TABLES, values: [schema ?? ''] });
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
