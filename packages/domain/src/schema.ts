export const COLUMN_TYPES = ['string', 'integer', 'decimal', 'boolean', 'date', 'datetime', 'time', 'json'] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

/** One published column. `source` is the header as the source wrote it; `name` is what consumers see. */
export interface Column {
  name: string;
  type: ColumnType;
  nullable: boolean;
  title?: string;
  source?: string;
  /** Decimal digits in all and after the point; only for `decimal`. */
  precision?: number;
  scale?: number;
  /** Only for `decimal`: every cell of the source is a percentage, and 12.5% is 0.125. */
  unit?: 'percent';
}

/** The columns and key that versions of a dataset share until its schema policy lets them change. */
export interface TableSchema {
  columns: Column[];
  primaryKey: string[];
}

export const SYNC_MODES = ['full', 'append', 'merge', 'cdc'] as const;
export type SyncMode = (typeof SYNC_MODES)[number];

export const SCHEMA_POLICIES = ['evolve', 'hold', 'reject'] as const;
export type SchemaPolicy = (typeof SCHEMA_POLICIES)[number];

export interface Renaming {
  from: string;
  to: string;
}

/** How the columns of a source differ from those that are published. `renamed` is a guess over `missing` and `added`, and takes none out. */
export interface SchemaDifference {
  missing: string[];
  added: string[];
  retyped: { name: string; from: string; to: string }[];
  renamed: Renaming[];
}
