import { tooLong } from '../delimited/scan-errors.js';
import { BatchSink } from '../delimited/sink.js';
import { type RowProblem, rowMessage } from '../errors.js';
import type { Limits } from '../limits.js';
import type { TableBatch } from '../types.js';

// What a rejected row keeps of itself.
const RAW_CHARS = 2000;
const NEEDS_QUOTES = /[",\r\n]/;
// Half of a surrogate pair has no UTF-8 form.
const HALF_PAIR = /\p{Cs}/u;
const HALF_PAIRS = /\p{Cs}/gu;
const LONGEST_UTF8 = 3;

export interface WriterOptions {
  name: string;
  columns: number;
  limits: Limits;
  encoding: string;
  /** About how many bytes there will be. */
  sizeHint?: number | undefined;
  /** What the source calls a cell of a row. */
  fieldOf?: ((column: number, line: number) => string | undefined) | undefined;
}

/** Where a row begins: its physical line, and its byte in the unpacked source where that is known. */
export interface RowPlace {
  line: number;
  offset?: number | undefined;
}

/** Turns rows of cells into canonical batches, for every format whose rows are not bytes already. */
export class RowWriter {
  private readonly sink: BatchSink;
  private scratch = Buffer.allocUnsafe(4096);

  constructor(private readonly options: WriterOptions) {
    this.sink = new BatchSink(options.sizeHint ?? Number.POSITIVE_INFINITY);
  }

  get rows(): number {
    return this.sink.rows;
  }

  /** Writes a row that begins at a place. Rejects it where it holds what no text may; throws `limit.field-bytes`, `limit.row-bytes`. */
  write(cells: readonly string[], at: RowPlace): void {
    const { line } = at;
    const { name, columns, limits } = this.options;
    let text = '';
    for (let k = 0; k < columns; k++) {
      const cell = cells[k] ?? '';
      // No text is longer in UTF-16 units than in bytes.
      if (cell.length * LONGEST_UTF8 > limits.fieldBytes && Buffer.byteLength(cell) > limits.fieldBytes) {
        throw tooLong(name, line, 'limit.field-bytes', limits.fieldBytes);
      }
      if (k > 0) text += ',';
      text += NEEDS_QUOTES.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
    }
    if (text.includes('\0')) this.rejectCell('row.nul', at, cells, (cell) => cell.includes('\0'));
    else if (HALF_PAIR.test(text)) this.rejectCell('row.encoding', at, cells, (cell) => HALF_PAIR.test(cell));
    // A row of one blank cell would otherwise be a blank line, which is no row.
    else this.append(text === '' ? '""' : text, line);
  }

  private rejectCell(code: RowProblem, at: RowPlace, cells: readonly string[], is: (cell: string) => boolean): void {
    this.reject(code, at, cells, this.options.fieldOf?.(cells.findIndex(is), at.line));
  }

  reject(code: RowProblem, { line, offset }: RowPlace, cells: readonly string[] | string, field?: string): void {
    const { columns, encoding } = this.options;
    const found = typeof cells === 'string' ? 1 : cells.length;
    const raw = typeof cells === 'string' ? cells : cells.join(',');
    this.sink.reject({
      file: 0,
      line,
      ...(offset === undefined ? {} : { offset }),
      code,
      message: rowMessage(code, { expected: columns, found, encoding, place: field }),
      raw: raw.slice(0, RAW_CHARS).replace(HALF_PAIRS, '?'),
      ...(field === undefined ? {} : { field }),
    });
  }

  take(): TableBatch[] {
    return this.sink.take();
  }

  finish(): TableBatch[] {
    this.sink.finish();
    return this.sink.take();
  }

  private append(text: string, line: number): void {
    const { name, limits } = this.options;
    if (this.scratch.length < text.length * LONGEST_UTF8) {
      if (Buffer.byteLength(text) + 1 > limits.rowBytes) throw tooLong(name, line, 'limit.row-bytes', limits.rowBytes);
      this.scratch = Buffer.allocUnsafe(text.length * LONGEST_UTF8 * 2);
    }
    const bytes = this.scratch.write(text, 'utf8');
    if (bytes + 1 > limits.rowBytes) throw tooLong(name, line, 'limit.row-bytes', limits.rowBytes);
    if (bytes + 1 > this.sink.room) this.sink.next(bytes + 1);
    this.sink.row(line);
    this.sink.appendLine(this.scratch, 0, bytes);
  }
}
