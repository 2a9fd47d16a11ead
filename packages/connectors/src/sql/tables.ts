import { type SqlColumn, type SqlTable, TABLES_AT_MOST } from './types.js';

/** One column of one table, as catalogs list them. */
export interface CatalogColumn {
  schema?: string | undefined;
  table: string;
  view: boolean;
  rowsEstimate?: number | undefined;
  column: SqlColumn;
  /** Position in the primary key, from any number. */
  keyPosition: number | undefined;
  counted: boolean;
}

/** Tables of columns that come table by table. */
export function tablesOf(columns: CatalogColumn[]): SqlTable[] {
  const tables = new Map<string, { table: SqlTable; positions: [number, string][] }>();
  for (const { schema, table: name, view, rowsEstimate, column, keyPosition, counted } of columns) {
    const id = JSON.stringify([schema, name]);
    let found = tables.get(id);
    if (!found) {
      if (tables.size === TABLES_AT_MOST) break;
      found = { table: { schema, name, view, columns: [], key: [], counted: [], rowsEstimate }, positions: [] };
      tables.set(id, found);
    }
    found.table.columns.push(column);
    if (keyPosition !== undefined) found.positions.push([keyPosition, column.name]);
    if (counted) found.table.counted.push(column.name);
  }
  return [...tables.values()].map(({ table, positions }) => ({
    ...table,
    key: positions.sort(([a], [b]) => a - b).map(([, name]) => name),
  }));
}
