import { type SqlSession, type SqlTable, TABLES_AT_MOST } from '../sql/index.js';
import { columnTypeOf } from './types.js';

const TABLES = `
SELECT s.name, s.type, c.name, c.type, c.pk
FROM sqlite_schema s JOIN pragma_table_info(s.name) c
WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
ORDER BY s.name, c.cid LIMIT 100000`;

/** Tables and views of the file. */
export async function sqliteTables(session: SqlSession): Promise<SqlTable[]> {
  const rows = await session.rows({ text: TABLES, values: [] });
  const tables = new Map<string, SqlTable & { order: [number, string][] }>();
  for (const [name, type, column, declared, position] of rows) {
    let table = tables.get(name ?? '');
    if (!table) {
      if (tables.size === TABLES_AT_MOST) break;
      table = { name: name ?? '', view: type === 'view', columns: [], key: [], counted: [], order: [] };
      tables.set(name ?? '', table);
    }
    table.columns.push({ name: column ?? '', type: columnTypeOf(declared ?? null) });
    if (position !== '0') table.order.push([Number(position), column ?? '']);
    // Such a key is the number of the row itself, which SQLite counts up.
    if (position === '1' && declared?.toUpperCase() === 'INTEGER') table.counted.push(column ?? '');
  }
  return Promise.all(
    [...tables.values()].map(async ({ order, ...table }) => ({
      ...table,
      key: order.sort(([a], [b]) => a - b).map(([, column]) => column),
      rowsEstimate: table.view ? undefined : await estimate(session, table.name),
    })),
  );
}

/** The largest row number, which is found at once; tables without row numbers have none. */
async function estimate(session: SqlSession, table: string): Promise<number | undefined> {
  const text = `SELECT MAX(_rowid_) FROM ${session.dialect.quote(table)}`;
  const found = await session.rows({ text, values: [] }).catch(() => []);
  const largest = found[0]?.[0];
  return largest === null || largest === undefined ? undefined : Number(largest);
}
