import type { Clock } from './clock.js';
import type { Limits } from './limits.js';

/** A local (spooled) file to read as tables. */
export interface TableSource {
  path: string;
  /** The name people know it by; it appears in messages and names the tables. */
  name: string;
}

/** What the connector's configuration says about a file; everything left out is found from its content. */
export interface ReadOptions {
  /** A WHATWG encoding label, e.g. `gb18030`. */
  encoding?: string;
  /** One or two characters. */
  delimiter?: string;
  /** One character, or '' for none. */
  quote?: string;
  /** 0 when there is no header; the columns are then `column_1`, `column_2` … */
  headerRows?: number;
  /** Physical lines before the header. */
  preambleRows?: number;
  /** JSON and XML: where the records are, e.g. `/result/records`, `` for the root. */
  recordPath?: string;
  /** Reads text as columns of fixed width: how wide each one is, in characters, or in bytes of the source's encoding. */
  fixedWidth?: { widths: number[]; unit?: 'characters' | 'bytes' };
  limits?: Partial<Limits>;
}

export type LineEnding = 'lf' | 'crlf' | 'cr';

/** How a delimited table is written. Formats without a dialect leave the text fields empty. */
export interface Dialect {
  delimiter: string;
  quote: string;
  /** What stands before a quote that is text: the quote itself (doubled) or a backslash. */
  escape: string;
  lineEnding: LineEnding;
  headerRows: number;
  preambleRows: number;
}

/** One decision of detection. `evidence` is for people; `confidence` is 0 to 1, and 1 when it was told. */
export interface Decision {
  what: 'encoding' | 'container' | 'format' | 'dialect' | 'header' | 'records';
  value: string;
  evidence: string;
  confidence: number;
}

export interface SourceColumn {
  name: string;
  /** The header as the source wrote it; '' when it had none. */
  source: string;
}

/**
 * Row `row` (0-based, in this table) stands on physical line `line` (1-based), each row after it, until the next run, `step` lines
 * further; 1 when absent.
 */
export interface LineRun {
  row: number;
  line: number;
  file: number;
  step?: number;
}

export interface RejectedRow {
  file: number;
  line: number;
  /** Byte offset in the unpacked source, when known. */
  offset?: number;
  field?: string;
  code: string;
  message: string;
  /** The row as read, cut to 2,000 characters. */
  raw: string;
}

export interface Warning {
  code: string;
  message: string;
}

/** Canonical CSV of whole rows (UTF-8, comma, `"`, LF, no header), at most 512 KiB; the buffer belongs to the receiver. */
export type TableBatch =
  | { type: 'rows'; csv: Buffer; rows: number; lines: LineRun[] }
  | { type: 'rejected'; rows: RejectedRow[] };

/** One table of a source. `batches` reads it once; `warnings` grows while it does. */
export interface TableReader {
  readonly name: string;
  readonly format: string;
  readonly encoding: string;
  readonly dialect: Dialect;
  readonly columns: SourceColumn[];
  readonly decisions: Decision[];
  readonly warnings: Warning[];
  /** Throws SonghuaError; the codes are in `errors.ts`. Aborting the signal throws `read.aborted`. */
  batches(signal?: AbortSignal): AsyncIterable<TableBatch>;
}

/** Unpacked bytes of a source, read from the start as often as needed, in bounded memory. */
export interface ByteSource {
  readonly name: string;
  /** Unpacked size; undefined when only reading tells. */
  readonly size: number | undefined;
  /** At most `bytes` from the start. */
  head(bytes: number): Promise<Buffer>;
  /** At most `bytes` from the end; empty where only a full read would tell. */
  tail(bytes: number): Promise<Buffer>;
  /** The whole content in order. A chunk is valid until the next one is asked for. */
  chunks(): AsyncIterable<Buffer>;
  /** The content as a file, for formats that are not read from front to back. The receiver releases it. */
  local(): Promise<LocalCopy>;
}

export interface LocalCopy {
  path: string;
  release(): Promise<void>;
}

/** Turns bytes of one encoding into UTF-8, chunk by chunk. What cannot be decoded becomes one byte 0xFF, which no UTF-8 text has. */
export interface Decoder {
  readonly encoding: string;
  decode(chunk: Buffer, last: boolean): Buffer;
}

/** What a format is given: the source, its head, and how to read it. */
export interface FormatInput {
  source: ByteSource;
  head: Buffer;
  options: ReadOptions;
  limits: Limits;
  clock: Clock;
  decisions: Decision[];
}

/** One way that tables are written. `recognize` looks at the head only. */
export interface Format {
  readonly name: string;
  /** Evidence when the content is of this format, otherwise undefined. */
  recognize(head: Buffer): string | undefined;
  open(input: FormatInput): Promise<TableReader[]>;
}
