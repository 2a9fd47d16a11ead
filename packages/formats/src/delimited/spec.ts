import type { Dialect } from '../types.js';

export const COMMA = 0x2c;
export const QUOTE = 0x22;
export const APOSTROPHE = 0x27;
export const LF = 0x0a;
export const CR = 0x0d;
export const BACKSLASH = 0x5c;
export const TAB = 0x09;
export const SPACE = 0x20;

/** A dialect as the byte parsers need it. */
export interface Spec {
  delimiter: Buffer;
  /** Byte of the quote, or -1 for none. */
  quote: number;
  /** A backslash stands before quotes that are text. */
  backslash: boolean;
  /** One space after a delimiter belongs to the delimiter, where there is one. */
  skipSpace: boolean;
  /** A carriage return alone ends a record. */
  cr: boolean;
}

export function specOf(dialect: Pick<Dialect, 'delimiter' | 'quote' | 'escape' | 'lineEnding'>): Spec {
  // `a, b` is written by people and programs that sometimes forget the space, so the space is optional.
  const skipSpace = dialect.delimiter.length === 2 && dialect.delimiter.endsWith(' ') && dialect.delimiter !== '  ';
  return {
    delimiter: Buffer.from(skipSpace ? dialect.delimiter.slice(0, 1) : dialect.delimiter),
    quote: dialect.quote === '' ? -1 : dialect.quote.charCodeAt(0),
    backslash: dialect.escape === '\\',
    skipSpace,
    cr: dialect.lineEnding === 'cr',
  };
}

/** Whether records can be passed on as they are. */
export const isCanonical = (spec: Spec): boolean =>
  spec.delimiter.length === 1 &&
  spec.delimiter[0] === COMMA &&
  spec.quote === QUOTE &&
  !spec.backslash &&
  !spec.skipSpace &&
  !spec.cr;
