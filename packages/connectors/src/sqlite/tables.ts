import { type SqlSession, type SqlTable, tablesOf } from '../sql/index.js';
import { columnTypeOf } from './types.js';

const TABLES = `
SELECT s.name, s.type, c.name, c.type, c.pk
FROM sqlite_schema s JOIN pragma_table_info(s.name) c
WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
ORDER BY s.name, c.cid LIMIT 100000`;

/** Tables and views of the file. */
export async function sqliteTables(session: SqlSession): Promise<SqlTable[]> {
  const rows = await session.rows({ text: TABLES, values: [] });
  const tables = tablesOf(
    rows.map(([table, type, column, declared, position]) => ({
      table: table ?? '',
      view: type === 'view',
      column: { name: column ?? '', type: columnTypeOf(declared ?? null) },
      keyPosition: position === '0' ? undefined : Number(position),
      // Such a key is the number of the row itself, which SQLite counts up.
      counted: position === '1' && declared?.toUpperCase() === 'INTEGER',
    })),
  );
  for (const table of tables) if (!table.view) table.rowsEstimate = await estimate(session, table.name);
  return tables;
}

/** The largest row number, which is found at once; tables without row numbers have none. */
async function estimate(session: SqlSession, table: string): Promise<number | undefined> {
  const text = `SELECT MAX(_rowid_) FROM ${session.dialect.quote(table)}`;
  const found = await session.rows({ text, values: [] }).catch(() => []);
  const largest = found[0]?.[0];
  return largest === null || largest === undefined ? undefined : Number(largest);
}
