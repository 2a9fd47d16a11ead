import type { Changes, LineRuns, SourceColumn, SourceFile, SyncScope } from '@songhua/contracts';
import type { Column, ColumnType, RowCounts, SchemaPolicy, SyncMode, TableSchema } from '@songhua/domain';

export interface DeclaredColumn {
  name: string;
  type: ColumnType;
  title?: string;
  required?: boolean;
  /** Cells that have no value in this column; in text too, where otherwise only the empty cell has none. */
  blanks?: readonly string[];
}

export interface NormalizeInput {
  /** Local gzip files of canonical CSV (see contracts/records.ts), in order. */
  parts: string[];
  columns: SourceColumn[];
  files: SourceFile[];
  /** Where the rows stand; read once, when some are rejected. */
  lines: LineRuns;
  /** Rows in `parts`. */
  rows: number;
  /** Rows that the reader already rejected; they count as read and rejected. */
  readerRejected: number;
  mode: SyncMode;
  /** Whether the rows are the whole source or what came since the cursor. In mode full they always are the whole. */
  scope: SyncScope;
  /** The first cell of each row says what it does (OPERATIONS in contracts/records.ts); it is not among `columns`. */
  operations: boolean;
  /** The rows are the whole next version in every mode: nothing of the previous one stays. */
  reset: boolean;
  declared?: DeclaredColumn[];
  /** Cells that have no value in columns that are not text; DEFAULT_BLANKS when absent. */
  blanks?: readonly string[];
  primaryKey: string[];
  schemaPolicy: SchemaPolicy;
  /** Largest share of the rows read that may be rejected. */
  maxRejected: number;
  /** Largest number of them; any when absent. */
  maxRejectedRows?: number;
  maxShrink: number;
  /** Guards that a person has decided to pass: `shrink`, `rejected`, `schema`. */
  overrides: string[];
  /** The version that is served now. */
  previous?: { schema: TableSchema; identity: string; rows: number; parquet: string };
  /** An empty folder for the outputs. */
  out: string;
  /** Whether several threads may read one part; by the number of rows when absent. */
  parallel?: boolean;
}

export interface OutputFile {
  name: string;
  path: string;
  mediaType: string;
}

export interface NormalizeResult {
  schema: TableSchema;
  rows: number;
  /** Version identity; equal to `previous.identity` when nothing changed, and then `files` is empty. */
  identity: string;
  counts: RowCounts;
  changes: Changes;
  /** `data.parquet`, and `changes.parquet` when there is a previous version. */
  files: OutputFile[];
  /** NDJSON.gz of RejectedRow found by normalizing (the reader's own come from landing), at most `count` lines; undefined when none. */
  rejected?: { path: string; count: number; byCode: Record<string, number> };
}

/** Two versions of a dataset as local files. */
export interface ChangesInput {
  from: { schema: TableSchema; parquet: string };
  to: { schema: TableSchema; parquet: string };
  /** A folder for the output. */
  out: string;
}

export interface ProfileInput {
  /** A local file of canonical CSV under one header line. */
  path: string;
  columns: SourceColumn[];
  /** Rows in the file, without the header. */
  rows: number;
  /** Cells that have no value in columns that are not text; DEFAULT_BLANKS when absent. */
  blanks?: readonly string[];
  /** Where to write the rows that a refresh would reject, because cells of them do not fit their columns. */
  misfitsPath: string;
}

export interface Profile {
  /** `nullable` says whether a cell has no value. */
  columns: Column[];
  /**
   * Lines in the file of misfits, one a row in the order of the rows: its 0-based position, the position of the first column that it
   * does not fit, and how many columns those are, with commas between.
   */
  misfits: number;
}

export interface RowsQuery {
  limit: number;
  offset: number;
  sort?: { column: string; descending: boolean };
  /** Equality filters, column → text. */
  where: Record<string, string>;
}

/**
 * Table work in DuckDB, in bounded memory (`memoryMb` and spill to `tempDirectory`).
 * Throws SonghuaError; codes `schema.changed`, `guard.shrink`, `guard.rejected`, `guard.empty` are decisions for a person.
 */
export interface Tables {
  normalize(input: NormalizeInput): Promise<NormalizeResult>;
  /** What a first refresh without declarations would make of the rows, without making a version. */
  profile(input: ProfileInput): Promise<Profile>;
  /** Rows of a local version file as JSON values (integers beyond 2^53 and decimals as text). */
  rows(parquet: string, query: RowsQuery): Promise<{ rows: Record<string, unknown>[]; total: number }>;
  /** Row-level difference of two version files, as counts and a page of rows with `_change`. */
  diff(
    from: string,
    to: string,
    primaryKey: string[],
    page: { limit: number; offset: number },
  ): Promise<{ changes: Changes; rows: Record<string, unknown>[] }>;
  /** What turns one version into the other, under the columns and key of the latter, as `normalize` has it of a new one: `changes.parquet`. */
  changes(input: ChangesInput): Promise<{ changes: Changes; file: OutputFile }>;
  /** Renders a version file; deterministic bytes for the same input and format. */
  render(parquet: string, format: 'csv' | 'ndjson' | 'xlsx', schema: TableSchema, out: string): Promise<void>;
  countRows(parquet: string): Promise<number>;
  close(): Promise<void>;
}

export interface TablesOptions {
  memoryMb: number;
  threads: number;
  tempDirectory: string;
}
