import type { Column } from '@songhua/domain';

/** SQL text of an expression. */
export type Sql = string;

/** What a column needs to be parsed: decimals also need their width and unit. */
export type Shape = Pick<Column, 'type' | 'precision' | 'scale' | 'unit'>;

/** How one column type is read, stored, compared and shown. Every function maps SQL expressions, never values. */
export interface ValueRule {
  /** DuckDB (and so Parquet) type. */
  sqlType(shape: Shape): Sql;
  /** The value of a VARCHAR cell; NULL when the cell does not fit the type (and when it is NULL). */
  parse(cell: Sql, shape: Shape): Sql;
  /** As `parse`, for the plainest form of the type alone: a tenth of the statement, which is what small tables cost. */
  parsePlain?(cell: Sql, shape: Shape): Sql;
  /** Text of a stored value for the identity of a row, NULL for NULL; widths that differ are cast alike before. */
  canonical(value: Sql): Sql;
  /** Text of a stored value as files and the API show it. */
  text(value: Sql): Sql;
}
