import { isUtf8 } from 'node:buffer';
import { tooLong } from '../delimited/scan-errors.js';
import { BACKSLASH, COMMA, CR, LF, QUOTE, SPACE, TAB } from '../delimited/spec.js';
import { formatError } from '../errors.js';
import type { Limits } from '../limits.js';

/** A string, number or literal where it stands in the text; valid during the call only. */
export interface Scalar {
  kind: 'string' | 'number' | 'true' | 'false' | 'null';
  /** Its text as JSON writes it, quotes included. */
  raw(): string;
  /** The string unescaped, a number's digits, a literal's name, '' for null. */
  text(): string;
  /** Whether its bytes are text in the encoding of the source. */
  sound(): boolean;
}

export interface TokenHandler {
  start(container: 'object' | 'array'): void;
  end(container: 'object' | 'array'): void;
  key(key: Scalar): void;
  scalar(value: Scalar): void;
}

type Expect = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end' | 'root';

const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
// `\u4e2d` takes six bytes for a character of three.
const ESCAPED_SHARE = 6;
// What an error message quotes.
const QUOTED_CHARS = 24;

// Bytes of numbers and literals, and of what people write instead of them.
const WORD = new Uint8Array(256);
for (const c of '+-._') WORD[c.charCodeAt(0)] = 1;
for (let c = 0x30; c < 0x7b; c++) if (c < 0x3a || (c > 0x40 && c < 0x5b) || c > 0x60) WORD[c] = 1;

/**
 * Splits JSON into tokens as it streams by, one or several documents after each other. Numbers stay the digits they are. Throws
 * `json.invalid`, `limit.depth` and `limit.field-bytes`.
 */
export class Tokenizer implements Scalar {
  line = 1;
  /** First byte of the token being read, in the buffer given to `run`. */
  at = 0;
  kind: Scalar['kind'] = 'null';
  private expect: Expect = 'root';
  private readonly stack: ('object' | 'array')[] = [];
  private buf: Buffer = Buffer.alloc(0);
  private from = 0;
  private to = 0;
  private escaped = false;
  /** How much of an unfinished string has been looked at. */
  private seen = 0;
  /** Whether the text may hold bytes that are not UTF-8. */
  dirty = false;

  constructor(
    private readonly name: string,
    private readonly limits: Limits,
    private readonly handler: TokenHandler,
  ) {}

  /** Begins anew, as for the next line of NDJSON. */
  reset(): void {
    this.expect = 'root';
    this.stack.length = 0;
    this.seen = 0;
  }

  get depth(): number {
    return this.stack.length;
  }

  /**
   * Reads `buf` from `start` to `end`, where a line feed must stand as a guard. Returns where an unfinished token begins, or `end`.
   */
  run(buf: Buffer, start: number, end: number, last: boolean): number {
    this.buf = buf;
    let i = start;
    while (i < end) {
      const c = buf[i] as number;
      if (c === LF) this.line++;
      if (c === LF || c === SPACE || c === CR || c === TAB) {
        i++;
        continue;
      }
      const next = this.token(c, i, end, last);
      if (next < 0) return i;
      i = next;
    }
    if (last && this.expect !== 'root') throw this.invalid('the text ends inside a value');
    return i;
  }

  private token(c: number, i: number, end: number, last: boolean): number {
    this.at = i;
    switch (this.expect) {
      case 'key':
      case 'key-or-end':
        if (c === CLOSE_OBJECT && this.expect === 'key-or-end') return this.close('object', i);
        if (c !== QUOTE) throw this.unexpected('a key in quotes', i, end);
        return this.string(i, end, last);
      case 'colon':
        if (c !== COLON) throw this.unexpected('":"', i, end);
        this.expect = 'value';
        return i + 1;
      case 'comma-or-end': {
        const inside = this.stack[this.stack.length - 1];
        if (c === COMMA) {
          this.expect = inside === 'object' ? 'key' : 'value';
          return i + 1;
        }
        if (inside === 'object' && c === CLOSE_OBJECT) return this.close('object', i);
        if (inside === 'array' && c === CLOSE_ARRAY) return this.close('array', i);
        throw this.unexpected(inside === 'object' ? '"," or "}"' : '"," or "]"', i, end);
      }
      default:
        return this.value(c, i, end, last);
    }
  }

  private value(c: number, i: number, end: number, last: boolean): number {
    if (c === OPEN_OBJECT) return this.open('object', i);
    if (c === OPEN_ARRAY) return this.open('array', i);
    if (c === CLOSE_ARRAY && this.expect === 'value-or-end') return this.close('array', i);
    if (c === QUOTE) return this.string(i, end, last);
    return this.word(i, end, last);
  }

  private open(container: 'object' | 'array', i: number): number {
    this.stack.push(container);
    if (this.stack.length > this.limits.depth) throw tooDeep(this.name, this.line, this.limits.depth);
    this.expect = container === 'object' ? 'key-or-end' : 'value-or-end';
    this.handler.start(container);
    return i + 1;
  }

  private close(container: 'object' | 'array', i: number): number {
    this.stack.pop();
    this.valueDone();
    this.handler.end(container);
    return i + 1;
  }

  private valueDone(): void {
    this.expect = this.stack.length === 0 ? 'root' : 'comma-or-end';
  }

  private string(i: number, end: number, last: boolean): number {
    const { buf } = this;
    if (this.seen === 0) this.escaped = false;
    let j = i + 1 + this.seen;
    for (;;) {
      const c = buf[j] as number;
      if (c === QUOTE) break;
      if (c === BACKSLASH) {
        this.escaped = true;
        if (j + 1 >= end) {
          j = end;
          this.seen = end - 1 - (i + 1);
          break;
        }
        j += 2;
      } else if (c >= SPACE) j++;
      else if (j < end)
        throw this.invalid('a string is not closed, or holds a line break or control character as it is');
      else {
        this.seen = j - (i + 1);
        break;
      }
    }
    if (j - i > this.limits.fieldBytes * ESCAPED_SHARE) throw this.tooLong();
    if (j >= end) {
      if (last) throw this.invalid('a string is not closed');
      return -1;
    }
    this.seen = 0;
    this.kind = 'string';
    this.from = i + 1;
    this.to = j;
    if (this.expect === 'key' || this.expect === 'key-or-end') {
      this.expect = 'colon';
      this.handler.key(this);
    } else {
      this.valueDone();
      this.handler.scalar(this);
    }
    return j + 1;
  }

  private word(i: number, end: number, last: boolean): number {
    const { buf } = this;
    let j = i;
    while (WORD[buf[j] as number] === 1) j++;
    if (j - i > this.limits.fieldBytes) throw this.tooLong();
    if (j >= end && !last) return -1;
    const text = buf.toString('latin1', i, j);
    if (text === 'true' || text === 'false' || text === 'null') this.kind = text;
    else if (NUMBER.test(text)) this.kind = 'number';
    else throw this.unexpected('a value', i, end);
    this.from = i;
    this.to = j;
    this.valueDone();
    this.handler.scalar(this);
    return j;
  }

  raw(): string {
    const { buf, from, to } = this;
    return this.kind === 'string' ? buf.toString('utf8', from - 1, to + 1) : buf.toString('latin1', from, to);
  }

  text(): string {
    if (this.kind === 'null') return '';
    if (this.kind !== 'string') return this.raw();
    if (!this.escaped) return this.buf.toString('utf8', this.from, this.to);
    try {
      return JSON.parse(this.raw()) as string;
    } catch {
      throw this.invalid('a string holds an escape that JSON does not know');
    }
  }

  sound(): boolean {
    return !this.dirty || this.kind !== 'string' || isUtf8(this.buf.subarray(this.from, this.to));
  }

  private unexpected(wanted: string, i: number, end: number): Error {
    const found = this.buf.toString('utf8', i, Math.min(end, i + QUOTED_CHARS)).split('\n', 1)[0] ?? '';
    if (found.startsWith('/')) return this.invalid(`expected ${wanted}, found a comment, which JSON does not have`);
    // Words such as NaN are told; text may be anybody's and is not.
    const word = /^[-+\w.]{1,12}/.exec(found)?.[0];
    const shown = word !== undefined && /^[-+]?[A-Za-z]+$/.test(word) ? word : JSON.stringify(found.slice(0, 1));
    return this.invalid(`expected ${wanted}, found ${shown}`);
  }

  private invalid(problem: string): Error {
    return formatError(
      'json.invalid',
      `${this.name} line ${this.line} is not JSON: ${problem}; export it again. 第 ${this.line} 行不是有效的 JSON`,
      { file: this.name, line: this.line },
    );
  }

  private tooLong(): Error {
    return tooLong(this.name, this.line, 'limit.field-bytes', this.limits.fieldBytes);
  }
}

export const tooDeep = (name: string, line: number, limit: number): Error =>
  formatError(
    'limit.depth',
    `${name} line ${line}: values are nested deeper than ${limit}: send it flatter or raise the limit. 嵌套过深`,
    { file: name, line, limit },
  );
