import { tooLong } from '../delimited/scan-errors.js';
import type { RowProblem } from '../errors.js';
import type { Limits } from '../limits.js';
import type { RowPlace, RowWriter } from '../rows/writer.js';
import type { Records } from './choose.js';
import type { Scalar, TokenHandler } from './tokens.js';

export interface RecordOptions {
  name: string;
  records: Records;
  /** `.key` → column, and '' → the column of a map's own keys. */
  columns: Map<string, number>;
  width: number;
  /** Records are lists, whose elements take their columns in order. */
  lists: boolean;
  /** Records at the start that are the header. */
  skip: number;
  limits: Limits;
  writer: RowWriter;
  /** Where the text is being read. */
  place(): RowPlace;
}

/** Writes the records at the chosen place as rows; values inside values become their JSON text. */
export class RecordReader implements TokenHandler {
  private depth = 0;
  /** How many containers from the root on lie on the way to the records. */
  private matched = 0;
  private readonly way: string[];
  /** Depth at which a record's own cells stand; records are open from there on. */
  private readonly cellDepth: number;
  private readonly single: boolean;
  private open = false;
  private row: string[] = [];
  private given: Uint8Array;
  private problem: RowProblem | undefined;
  private field: string | undefined;
  private place: RowPlace = { line: 0 };
  private column = -1;
  private lastKey = '';
  private nested = '';
  private comma = false;
  private isList = false;
  private records = 0;

  constructor(private readonly options: RecordOptions) {
    const { mode, place } = options.records;
    this.way = place.path;
    this.single = mode === 'single';
    const level = mode === 'stream' ? 0 : place.path.length + (this.single ? 0 : 1);
    this.cellDepth = level + 1;
    this.given = new Uint8Array(options.width);
  }

  start(container: 'object' | 'array'): void {
    const level = this.depth++;
    if (this.open) {
      if (level === this.cellDepth) this.beginNested();
      this.add(container === 'object' ? '{' : '[', false);
      return;
    }
    const { way } = this;
    if (level <= way.length && this.matched === level && (level === 0 || this.lastKey === way[level - 1]))
      this.matched++;
    if (this.isRecordAt(level)) this.begin(container);
    // Only keys of objects lead on.
    if (container === 'array') this.lastKey = '';
  }

  /** Forgets what is open, after a line that ended inside a value. */
  abandon(): void {
    this.open = false;
    this.depth = 0;
    this.matched = 0;
  }

  private isRecordAt(level: number): boolean {
    if (level !== this.cellDepth - 1) return false;
    return this.options.records.mode === 'stream' || this.matched === this.way.length + 1;
  }

  private begin(container: 'object' | 'array'): void {
    const { columns, records, lists } = this.options;
    this.clear();
    this.open = true;
    this.isList = container === 'array';
    this.column = -1;
    if (this.isList !== lists) this.reject('row.json');
    if (records.mode === 'map') this.set(columns.get('') ?? 0, this.lastKey);
  }

  private clear(): void {
    this.row = new Array<string>(this.options.width).fill('');
    this.given.fill(0);
    this.problem = undefined;
    this.field = undefined;
    this.place = this.options.place();
  }

  end(container: 'object' | 'array'): void {
    this.depth--;
    if (this.open) {
      if (this.depth >= this.cellDepth) {
        this.nested += container === 'object' ? '}' : ']';
        this.comma = true;
        if (this.depth === this.cellDepth) this.set(this.column, this.nested);
      } else this.finish();
    }
    this.matched = Math.min(this.matched, this.depth);
  }

  private finish(): void {
    const { writer } = this.options;
    this.open = false;
    if (this.records++ < this.options.skip) return;
    if (this.problem === undefined) writer.write(this.row, this.place);
    else writer.reject(this.problem, this.place, this.row, this.field);
  }

  key(key: Scalar): void {
    if (!this.open) {
      this.lastKey = key.text();
      return;
    }
    if (!key.sound()) this.reject('row.encoding');
    if (this.depth > this.cellDepth) {
      this.add(`${key.raw()}:`, false);
      this.comma = false;
      return;
    }
    this.lastKey = key.text();
    this.column = this.options.columns.get(`.${this.lastKey}`) ?? -1;
    if (this.given[this.column] === 1) this.reject('row.key-repeated', this.lastKey);
    this.given[this.column] = 1;
  }

  scalar(value: Scalar): void {
    const { records, writer } = this.options;
    if (!this.open) {
      if (this.single || !this.isRecordAt(this.depth)) return;
      this.clear();
      this.row[0] = value.text();
      if (records.place.objects + records.place.arrays > 0) writer.reject('row.json', this.place, value.text());
      else if (!value.sound()) writer.reject('row.encoding', this.place, this.row);
      else writer.write(this.row, this.place);
      return;
    }
    if (!value.sound()) this.reject('row.encoding');
    if (this.depth > this.cellDepth) this.add(value.raw(), true);
    else this.set(this.isList ? ++this.column : this.column, value.text());
  }

  private beginNested(): void {
    if (this.isList) this.column++;
    this.nested = '';
    this.comma = false;
  }

  /** Adds to the JSON text of a nested value. */
  private add(piece: string, ended: boolean): void {
    if (this.comma) this.nested += ',';
    this.nested += piece;
    this.comma = ended;
    const { name, limits } = this.options;
    if (this.nested.length > limits.fieldBytes)
      throw tooLong(name, this.place.line, 'limit.field-bytes', limits.fieldBytes);
  }

  private set(column: number, text: string): void {
    if (column >= 0 && column < this.row.length) this.row[column] = text;
    else this.reject('row.fields');
  }

  private reject(problem: RowProblem, field?: string): void {
    this.problem ??= problem;
    this.field ??= field;
  }
}
