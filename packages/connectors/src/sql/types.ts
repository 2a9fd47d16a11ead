import type { Network, SourceLimits } from '@songhua/connector-sdk';
import type { ColumnType } from '@songhua/domain';

/** A cell as the source writes it, or null. */
export type Cell = string | null;

export interface SqlColumn {
  name: string;
  /** What the source itself calls the type, where its dialect needs it. */
  native?: string | undefined;
  type?: ColumnType | undefined;
}

/** One statement with its values, which are always text; the source turns them into the type they are compared with. */
export interface Statement {
  text: string;
  values: string[];
}

/** How a kind of database writes statements. Everything else is common. */
export interface SqlDialect {
  /** An identifier in quotes, whatever it holds. */
  quote(name: string): string;
  /** The place of value number `index` (from 1), as the type of `column`. */
  placeholder(index: number, column: SqlColumn): string;
  /** An expression of the type of `column` as text at full precision, where the driver would not give it so. */
  text?(expression: string, column: SqlColumn): string;
  /** The source takes text after the first statement without a word, so a query must show that it stays inside its parentheses. */
  takesMore?: boolean;
  /** A condition for rows that transactions wrote which had not ended at `horizon` (see `SqlSession.horizon`), or later ones. */
  since?(horizon: string): string;
}

/** Where a table or query is, written for the dialect. */
export interface SqlSource {
  /** What may stand after FROM. */
  from: string;
  /** What people call it. */
  name: string;
}

/** A table or view that can be read. */
export interface SqlTable {
  schema?: string | undefined;
  name: string;
  view?: boolean;
  columns: SqlColumn[];
  key: string[];
  /** Columns that the database itself counts up. */
  counted: string[];
  rowsEstimate?: number | undefined;
}

/** One connection that sees one state of the source, may only read, and stops at the time limit. Its errors are `source.…`. */
export interface SqlSession {
  dialect: SqlDialect;
  /** Columns of a statement that returns no row. */
  columns(statement: Statement): Promise<SqlColumn[]>;
  /** A small result. */
  rows(statement: Statement): Promise<Cell[][]>;
  /** A result of any size; holds at most about two `batchRows` of rows. */
  stream(statement: Statement, batchRows: number): AsyncIterable<Cell[][]>;
  /** Tables and views that the user may see, at most `TABLES_AT_MOST`. */
  tables(): Promise<SqlTable[]>;
  /**
   * Where the source's transactions stand: everything that was written before `now` has ended. `reachable`: whether `since(known)`
   * still tells. Undefined where the source does not say.
   */
  horizon?(known: string | undefined): Promise<{ now: string; reachable: boolean } | undefined>;
  close(): Promise<void>;
}

export interface SqlTarget {
  host: string;
  port: number;
  database?: string | undefined;
  schema?: string | undefined;
  table?: string | undefined;
  tls: { mode: 'verify' | 'off'; ca?: string | undefined; serverName?: string | undefined };
}

export interface OpenOptions {
  secrets: Record<string, string>;
  network: Network;
  limits: SourceLimits;
  signal: AbortSignal;
}

// A city's largest systems have hundreds of tables that matter.
export const TABLES_AT_MOST = 1000;
