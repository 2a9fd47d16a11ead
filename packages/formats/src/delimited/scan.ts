import { isUtf8 } from 'node:buffer';
import { type RowProblem, rowMessage } from '../errors.js';
import type { Limits } from '../limits.js';
import type { TableBatch } from '../types.js';
import { cellsOf, createScratch, emitRecord } from './emit.js';
import { createFields, type ParseStatus, parseRecord } from './parse.js';
import { firstInvalid, rawText } from './raw.js';
import { divideGlued, findGlued, realign } from './realign.js';
import { lineAt, recoverLine } from './recover.js';
import { tooLong, tooManyUnclosed } from './scan-errors.js';
import { type ColumnShape, fitsShapes } from './shape.js';
import { BatchSink } from './sink.js';
import { COMMA, CR, isCanonical, LF, QUOTE, SPACE, type Spec, TAB } from './spec.js';
import { repairRecord } from './split.js';
import { TextWindow } from './window.js';

export interface ScanOptions {
  name: string;
  spec: Spec;
  /** Fields of every row. */
  columns: number;
  limits: Limits;
  /** Physical line and source byte offset of the first byte pushed. */
  line: number;
  offset: number;
  /** As far as it is known by now. */
  encoding: () => string;
  /** The source offset of a line, from its offset in the text that was pushed. */
  offsetOf: (line: number, offset: number) => number | undefined;
  /** The header's bytes, whose repetitions in the data are no rows. */
  header: Buffer | undefined;
  /** What each column holds, to put rows with a field too many or too few right. */
  shapes: ColumnShape[] | undefined;
  /** Bytes still to come, or a guess, to size the first batch. */
  sizeHint: number;
}

/** What happened besides plain reading, for warnings. */
export interface ScanCounts {
  repairedQuotes: number;
  repairedDelimiters: number;
  /** Rows put right by what their columns hold, and the physical line of the first. */
  realigned: number;
  firstRealigned: number;
  /** Physical line of the first repaired quotes. */
  firstRepair: number;
  badEncoding: number;
  firstBadLine: number;
  firstBadOffset: number;
}

export interface Scanner {
  /** Takes the next UTF-8 text; with `last` everything is read to the end. */
  push(chunk: Buffer, last: boolean): void;
  take(): TableBatch[];
  readonly counts: ScanCounts;
  readonly rows: number;
  readonly rejectedRows: number;
  /** Physical line that the next record begins on. */
  readonly line: number;
}

// A quote that runs over this many lines before it turns out wrong was costly to follow; a file full of them is refused.
const FAR_LINES = 100;
const MOST_FAR_REPAIRS = 500;

class RecordScanner implements Scanner {
  private readonly window: TextWindow;
  private farRepairs = 0;
  /** A row of another width was rejected and none of this table's has come since: what follows may be the rows of another table. */
  private otherTable = false;
  private readonly sink: BatchSink;
  private readonly fields = createFields();
  private readonly scratch = createScratch();
  private readonly fast: boolean;
  line: number;
  readonly counts: ScanCounts = {
    repairedQuotes: 0,
    repairedDelimiters: 0,
    realigned: 0,
    firstRealigned: 0,
    firstRepair: 0,
    badEncoding: 0,
    firstBadLine: 0,
    firstBadOffset: -1,
  };

  constructor(private readonly options: ScanOptions) {
    this.sink = new BatchSink(options.sizeHint);
    this.fast = isCanonical(options.spec);
    this.line = options.line;
    this.window = new TextWindow(options.offset, options.spec.cr);
  }

  get rows(): number {
    return this.sink.rows;
  }
  get rejectedRows(): number {
    return this.sink.rejectedRows;
  }

  push(chunk: Buffer, last: boolean): void {
    const { window } = this;
    window.load(chunk, last);
    while (window.start < window.end) {
      if (this.fast && !window.dirty) this.scanRun();
      if (window.start >= window.end || !this.scanRecord(last)) break;
    }
    this.checkPending();
    if (last) this.sink.finish();
  }

  take(): TableBatch[] {
    return this.sink.take();
  }

  /**
   * Passes on the longest run of records that are canonical as they stand (or but for CRLF), and stops at the first record that
   * needs a closer look. This loop sees every byte of most sources: one comparison a byte, no strings, no calls a cell.
   */
  private scanRun(): void {
    const { sink, window } = this;
    const { work: buf, end } = window;
    const { columns, header } = this.options;
    const headerBytes = header === undefined ? -1 : header.length;
    const longest = Math.min(this.options.limits.fieldBytes, this.options.limits.rowBytes);
    let room = sink.room;
    let { line } = this;
    let rec = window.start;
    let runStart = rec;
    let i = rec;
    let fields = 1;
    let breaks = 0;
    scan: for (;;) {
      const c = buf[i] as number;
      // Everything that matters is at or below the comma.
      if (c > COMMA) {
        i++;
      } else if (c === COMMA) {
        fields++;
        i++;
      } else if (c === LF || c === CR) {
        if (i >= end || (c === CR && (buf[i + 1] !== LF || i + 1 >= end))) break;
        if (fields !== columns || i === rec || i - rec > longest) break;
        if (i - rec === headerBytes && header !== undefined && buf.compare(header, 0, headerBytes, rec, i) === 0) break;
        if (i + 1 - runStart > room) {
          sink.append(buf, runStart, rec);
          sink.next(i + 1 - rec);
          runStart = rec;
          room = sink.room;
          if (i + 1 - rec > room) break;
        }
        sink.row(line);
        line += breaks + 1;
        if (c === CR) {
          if (runStart < rec) sink.append(buf, runStart, rec);
          sink.appendLine(buf, rec, i);
          i += 2;
          runStart = i;
          room = sink.room;
        } else i++;
        rec = i;
        fields = 1;
        breaks = 0;
      } else if (c === QUOTE) {
        if (i !== rec && buf[i - 1] !== COMMA) break;
        i++;
        for (;;) {
          const q = buf[i] as number;
          if (q > QUOTE) i++;
          else if (q === QUOTE) {
            if (buf[i + 1] !== QUOTE || i + 1 >= end) break;
            i += 2;
          } else if (q === LF) {
            if (i >= end) break scan;
            breaks++;
            i++;
          } else if (q === 0) break scan;
          else i++;
        }
        i++;
        const next = buf[i] as number;
        if (i >= end || (next !== COMMA && next !== LF && next !== CR)) break;
      } else if (c === 0) break;
      else i++;
    }
    if (runStart < rec) sink.append(buf, runStart, rec);
    if (rec > window.start) this.otherTable = false;
    window.start = rec;
    this.line = line;
  }

  /** Reads one record with every care. False when the rest of it is still to come. */
  private scanRecord(last: boolean): boolean {
    const { fields, options, window } = this;
    const { work, start, end } = window;
    const bounds = { end, last };
    const status = parseRecord(work, start, bounds, options.spec, fields);
    if (status === 'partial') return false;
    if (status === 'complete') {
      if (fields.contentEnd === start) return this.skipLine(fields.next);
      if (fields.count === 1 && options.columns > 1 && isBlank(work, start, fields.contentEnd))
        return this.skipLine(fields.next);
      if (fields.loneQuote) return this.scanLoneQuote(bounds);
      if (fields.count === options.columns) return this.acceptEven(fields.contentEnd, fields.next);
    }
    return this.repair(status, bounds);
  }

  /**
   * A record with a quote inside an unquoted field. It is text, unless it could as well open a field whose delimiter is missing:
   * then the columns decide, and where they do not, nobody should guess.
   */
  private scanLoneQuote(bounds: { end: number; last: boolean }): boolean {
    const { fields, options, window } = this;
    const { work } = window;
    const { columns, shapes, spec } = options;
    const { count, contentEnd, next } = fields;
    const even = count === columns;
    const glued = findGlued(work, fields, spec);
    if (glued === undefined) return even ? this.acceptEven(contentEnd, next) : this.repair('complete', bounds);
    const asText = even && this.fitsColumns();
    divideGlued(fields, glued);
    const divided = fields.count === columns;
    const asFields = divided && shapes !== undefined && this.fitsColumns();
    if (asFields && !asText && !this.otherTable) return this.acceptRealigned(contentEnd, next);
    if (even && divided && asText === asFields) return this.reject('row.quote', count, contentEnd, next);
    parseRecord(work, window.start, bounds, spec, fields);
    return even ? this.acceptRequoted(contentEnd, next) : this.repair('complete', bounds);
  }

  private fitsColumns(): boolean {
    const { shapes, spec } = this.options;
    return shapes === undefined || fitsShapes(cellsOf(this.window.work, this.fields, spec), shapes);
  }

  private acceptEven(contentEnd: number, next: number): boolean {
    this.otherTable = false;
    return this.accept(contentEnd, next);
  }

  private acceptRequoted(contentEnd: number, next: number): boolean {
    if (this.counts.repairedQuotes++ === 0) this.counts.firstRepair = this.line;
    return this.accept(contentEnd, next);
  }

  private acceptRealigned(contentEnd: number, next: number): boolean {
    if (this.counts.realigned++ === 0) this.counts.firstRealigned = this.line;
    return this.accept(contentEnd, next);
  }

  private skipLine(next: number): boolean {
    this.line++;
    this.window.start = next;
    return true;
  }

  private repair(status: ParseStatus, bounds: { end: number; last: boolean }): boolean {
    const { fields, options, window } = this;
    const { work, start } = window;
    const { spec, columns } = options;
    const waiting = status === 'unclosed' && !bounds.last && bounds.end - start <= options.limits.fieldBytes;
    if (waiting) return false;
    const whole =
      status === 'complete' ? { count: fields.count, next: fields.next, end: fields.contentEnd } : undefined;
    const inner = fields.innerLines;
    if (inner > FAR_LINES && ++this.farRepairs > MOST_FAR_REPAIRS)
      throw tooManyUnclosed(this.options.name, this.line, MOST_FAR_REPAIRS);
    const line = lineAt(work, start, bounds, spec.cr);
    if (line !== undefined && this.splitAtReturn(line.contentEnd, bounds)) return true;
    if (line === undefined) {
      if (status === 'unclosed') throw this.tooLong('limit.field-bytes');
      return false;
    }
    if (recoverLine(work, start, line.contentEnd, columns, spec, fields))
      return this.acceptRequoted(line.contentEnd, line.next);
    if (status === 'unclosed' && !bounds.last) throw this.tooLong('limit.field-bytes');
    if (repairRecord(work, start, line, columns, spec, fields) && this.fitsColumns()) {
      this.counts.repairedDelimiters++;
      return this.accept(line.contentEnd, line.next);
    }
    if (whole !== undefined) {
      if (inner === 0 && options.shapes !== undefined && !this.otherTable) {
        parseRecord(work, start, bounds, spec, fields);
        if (realign(work, fields, spec, options.shapes)) return this.acceptRealigned(whole.end, whole.next);
      }
      this.otherTable = true;
      fields.innerLines = inner;
      return this.reject('row.fields', whole.count, whole.end, whole.next);
    }
    fields.innerLines = 0;
    return this.reject('row.quote', 0, line.contentEnd, line.next);
  }

  /** A record that ends with a carriage return alone, in a file whose other records end with line feeds. */
  private splitAtReturn(lineEnd: number, bounds: { end: number; last: boolean }): boolean {
    const { fields, options, window } = this;
    const { work, start } = window;
    if (options.spec.cr || !work.subarray(start, lineEnd).includes(CR)) return false;
    const status = parseRecord(work, start, bounds, { ...options.spec, cr: true }, fields);
    const alone = work[fields.contentEnd] === CR && fields.next === fields.contentEnd + 1;
    return (
      status === 'complete' && alone && fields.count === options.columns && this.accept(fields.contentEnd, fields.next)
    );
  }

  private accept(contentEnd: number, next: number): boolean {
    const { fields, options, sink, window } = this;
    const { work, start } = window;
    const { header } = options;
    const count = fields.count;
    if (fields.nul) return this.reject('row.nul', count, contentEnd, next);
    if (window.dirty && !isUtf8(work.subarray(start, contentEnd))) return this.badEncoding(contentEnd, next);
    if (header?.length === contentEnd - start && work.compare(header, 0, header.length, start, contentEnd) === 0) {
      return this.reject('row.header-repeated', count, contentEnd, next);
    }
    for (let k = 0; k < count; k++) {
      const size = (fields.ends[k] as number) - (fields.starts[k] as number);
      if (size > options.limits.fieldBytes) throw this.tooLong('limit.field-bytes');
    }
    const bytes = emitRecord(work, fields, options.spec, this.scratch) + 1;
    if (bytes > options.limits.rowBytes) throw this.tooLong('limit.row-bytes');
    if (bytes > sink.room) sink.next(bytes);
    sink.row(this.line);
    sink.appendLine(this.scratch.bytes, 0, bytes - 1);
    this.line += fields.innerLines + 1;
    this.window.start = next;
    return true;
  }

  private badEncoding(contentEnd: number, next: number): boolean {
    const { counts, window } = this;
    counts.badEncoding++;
    if (counts.badEncoding === 1) {
      counts.firstBadLine = this.line;
      counts.firstBadOffset = window.base + window.start + firstInvalid(window.work.subarray(window.start, contentEnd));
    }
    return this.reject('row.encoding', this.fields.count, contentEnd, next);
  }

  private reject(code: RowProblem, found: number, contentEnd: number, next: number): boolean {
    const { options, window } = this;
    const { start, work } = window;
    const offset = options.offsetOf(this.line, window.base + start);
    const facts = { expected: options.columns, found, encoding: options.encoding() };
    this.sink.reject({
      file: 0,
      line: this.line,
      ...(offset === undefined ? {} : { offset }),
      code,
      message: rowMessage(code, facts),
      raw: rawText(work.subarray(start, contentEnd)),
    });
    this.line += this.fields.innerLines + 1;
    this.window.start = next;
    return true;
  }

  /** A record that outgrows every limit before it ends is an error of the file: where it would end is anybody's guess. */
  private checkPending(): void {
    const { options, window } = this;
    const { start, end, work } = window;
    const { limits, spec } = options;
    if (end - start <= limits.rowBytes + limits.fieldBytes) return;
    const delimiter = spec.delimiter.length === 0 ? start : work.lastIndexOf(spec.delimiter, end - 1);
    if (end - Math.max(start, delimiter) > limits.fieldBytes) throw this.tooLong('limit.field-bytes');
    throw this.tooLong('limit.row-bytes');
  }

  private tooLong(code: 'limit.field-bytes' | 'limit.row-bytes'): Error {
    const { name, limits } = this.options;
    return tooLong(name, this.line, code, code === 'limit.field-bytes' ? limits.fieldBytes : limits.rowBytes);
  }
}

function isBlank(buf: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (buf[i] !== SPACE && buf[i] !== TAB) return false;
  return true;
}

export const createScanner = (options: ScanOptions): Scanner => new RecordScanner(options);
