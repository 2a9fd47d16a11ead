import type { RejectedRow } from '@songhua/contracts';
import type { Column } from '@songhua/domain';
import type { Decision, Dialect, Warning } from '@songhua/formats';

/** What `songhua inspect --json` prints for one table. */
export interface InspectDocument {
  /** The file as named on the command line; followed by `.<entry or sheet>` when it holds several tables. */
  file: string;
  format: string;
  encoding: string;
  dialect: Dialect;
  columns: InspectedColumn[];
  /** Rows that the pipeline would take, rejected ones apart. */
  rows: number;
  /** The first ones, in order of their lines; all of them are in `<name>.rejected.ndjson`. */
  rejected: Pick<RejectedRow, 'line' | 'field' | 'code' | 'message'>[];
  rejectedCount: number;
  rejectedByCode: Record<string, number>;
  warnings: Warning[];
  /** Of the file as given, lower-case hexadecimal. */
  sha256: string;
  decisions: Decision[];
  /** What `--out` wrote. */
  written?: { rows: string; rejected: string };
}

export interface InspectedColumn extends Pick<Column, 'name' | 'type' | 'nullable' | 'unit'> {
  /** The header as the source wrote it; '' when it had none. */
  source: string;
}

/** What is printed for a file that cannot be read. */
export interface InspectFailure {
  file: string;
  error: { code: string; message: string; actor: string };
}

/** The rows of one table on disk, read and not yet typed. */
export interface Spooled {
  /** Canonical CSV under one header line. */
  rowsPath: string;
  rows: number;
  /** NDJSON of the rows that the reader rejected, in order of their lines. */
  rejectedPath: string;
  /** Where rows stand, for `createLineFinder`. */
  linesPath: string;
}
