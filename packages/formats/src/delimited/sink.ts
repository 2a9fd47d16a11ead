import { BATCH_BYTES } from '../limits.js';
import type { LineRun, RejectedRow, TableBatch } from '../types.js';
import { LF } from './spec.js';

// Small enough to send early, large enough that a ruined file does not become a message a row.
const REJECTED_ROWS = 500;
// A file below this never needs a larger first batch buffer than itself.
const SMALLEST_BATCH = 4 * 1024;

/** Collects rows into batches. Rows are appended as runs of canonical bytes; a batch is closed when the next run does not fit. */
export class BatchSink {
  private out: Buffer;
  private used = 0;
  private batchRows = 0;
  private lines: LineRun[] = [];
  private rejected: RejectedRow[] = [];
  private ready: TableBatch[] = [];
  private expectedLine = 0;
  private step = 1;
  /** The last run, while its second row may still decide its step. */
  private fresh: LineRun | undefined;
  /** Rows of the table so far, and rejected ones. */
  rows = 0;
  rejectedRows = 0;

  constructor(private capacity: number) {
    this.capacity = Math.min(BATCH_BYTES, Math.max(SMALLEST_BATCH, capacity));
    this.out = Buffer.allocUnsafe(this.capacity);
  }

  /** Counts a row that begins at physical line `line`. */
  row(line: number): void {
    if (line !== this.expectedLine) this.turn(line);
    this.expectedLine = line + this.step;
    this.rows++;
    this.batchRows++;
  }

  /** Bytes that the open batch still takes. */
  get room(): number {
    return this.capacity - this.used;
  }

  /** Closes the open batch, so that `bytes` more fit into the next one. */
  next(bytes: number): void {
    this.close();
    if (bytes > this.capacity) this.capacity = BATCH_BYTES;
    this.out = Buffer.allocUnsafe(this.capacity);
  }

  /** Appends whole canonical records, line ends included. The caller has made sure that they fit. */
  append(buf: Buffer, start: number, end: number): void {
    this.used += buf.copy(this.out, this.used, start, end);
  }

  /** Appends one record without its line end, and LF. */
  appendLine(buf: Buffer, start: number, end: number): void {
    const { out } = this;
    let to = this.used;
    // Below this a loop beats the call into native code.
    if (end - start < 48) for (let i = start; i < end; i++) out[to++] = buf[i] as number;
    else to += buf.copy(out, to, start, end);
    out[to++] = LF;
    this.used = to;
  }

  reject(row: RejectedRow): void {
    this.rejectedRows++;
    this.rejected.push(row);
    if (this.rejected.length >= REJECTED_ROWS) this.closeRejected();
  }

  finish(): void {
    this.close();
    this.closeRejected();
  }

  take(): TableBatch[] {
    const { ready } = this;
    this.ready = [];
    return ready;
  }

  /** A row that stands elsewhere than the rows before it let expect: the second row of a run says how far its rows are apart. */
  private turn(line: number): void {
    const { fresh, rows } = this;
    this.fresh = undefined;
    if (fresh !== undefined && fresh.row === rows - 1 && line >= fresh.line) {
      this.step = line - fresh.line;
      fresh.step = this.step;
    } else {
      this.step = 1;
      this.fresh = { row: rows, line, file: 0 };
      this.lines.push(this.fresh);
    }
  }

  private close(): void {
    if (this.batchRows > 0) {
      this.ready.push({
        type: 'rows',
        csv: this.out.subarray(0, this.used),
        rows: this.batchRows,
        lines: this.lines,
      });
    }
    this.used = 0;
    this.batchRows = 0;
    this.lines = [];
    // It goes out as it is.
    this.fresh = undefined;
  }

  private closeRejected(): void {
    if (this.rejected.length > 0) this.ready.push({ type: 'rejected', rows: this.rejected });
    this.rejected = [];
  }
}
