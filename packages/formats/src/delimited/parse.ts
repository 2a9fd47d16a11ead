import { APOSTROPHE, BACKSLASH, CR, LF, SPACE, type Spec } from './spec.js';

export const PLAIN = 0;
/** Quoted, and nothing in it is escaped. */
export const QUOTED = 1;
/** Quoted, with escapes or lone quotes to resolve. */
export const ESCAPED = 2;

/** Where the fields of one record stand in a buffer; reused from record to record so that parsing allocates nothing. */
export interface Fields {
  count: number;
  starts: Int32Array;
  ends: Int32Array;
  kinds: Uint8Array;
  /** First byte after the record's content and after its line ending. */
  contentEnd: number;
  next: number;
  /** Line breaks in the record, its own ending not counted. */
  innerLines: number;
  nul: boolean;
  /** Whether an unquoted field holds a quote; known for double quotes and apostrophes. */
  loneQuote: boolean;
}

export function createFields(): Fields {
  return {
    count: 0,
    starts: new Int32Array(64),
    ends: new Int32Array(64),
    kinds: new Uint8Array(64),
    contentEnd: 0,
    next: 0,
    innerLines: 0,
    nul: false,
    loneQuote: false,
  };
}

export function addField(fields: Fields, start: number, end: number, kind: number): void {
  const n = fields.count++;
  if (n === fields.starts.length) grow(fields);
  fields.starts[n] = start;
  fields.ends[n] = end;
  fields.kinds[n] = kind;
}

export function removeField(fields: Fields, at: number): void {
  for (const list of [fields.starts, fields.ends, fields.kinds]) list.copyWithin(at, at + 1, fields.count);
  fields.count--;
}

export function insertField(fields: Fields, at: number, field: { start: number; end: number; kind: number }): void {
  addField(fields, 0, 0, PLAIN);
  for (const list of [fields.starts, fields.ends, fields.kinds]) list.copyWithin(at + 1, at, fields.count - 1);
  fields.starts[at] = field.start;
  fields.ends[at] = field.end;
  fields.kinds[at] = field.kind;
}

function grow(fields: Fields): void {
  const size = fields.starts.length * 2;
  const bigger = <T extends Int32Array | Uint8Array>(to: T, from: T): T => {
    to.set(from);
    return to;
  };
  fields.starts = bigger(new Int32Array(size), fields.starts);
  fields.ends = bigger(new Int32Array(size), fields.ends);
  fields.kinds = bigger(new Uint8Array(size), fields.kinds);
}

/** `complete`; `partial`: the record goes on past `end`; `unclosed`: so it does, inside quotes; `irregular`: text after a closing quote. */
export type ParseStatus = 'complete' | 'partial' | 'unclosed' | 'irregular';

export const matches = (buf: Uint8Array, at: number, delimiter: Uint8Array): boolean => {
  for (let k = 1; k < delimiter.length; k++) if (buf[at + k] !== delimiter[k]) return false;
  return true;
};

/**
 * Parses the record at `pos` strictly into `fields`. `buf[end]` must exist and be LF: it stands guard, so that the loops need no
 * bounds. With `last`, the end of the data ends the record.
 */
export function parseRecord(
  buf: Uint8Array,
  pos: number,
  { end, last }: { end: number; last: boolean },
  spec: Spec,
  fields: Fields,
): ParseStatus {
  const { delimiter, quote, cr, skipSpace, backslash } = spec;
  const d0 = delimiter[0] as number;
  const width = delimiter.length;
  fields.count = 0;
  fields.innerLines = 0;
  fields.nul = false;
  fields.loneQuote = false;
  let i = pos;
  for (;;) {
    const start = i;
    let c = buf[i] as number;
    if (c === quote) {
      let kind = QUOTED;
      i++;
      for (;;) {
        c = buf[i] as number;
        if (c === quote) {
          if (buf[i + 1] !== quote || i + 1 >= end) break;
          kind = ESCAPED;
          i += 2;
        } else if (c === LF) {
          if (i >= end) return 'unclosed';
          fields.innerLines++;
          i++;
        } else if (c === BACKSLASH && backslash && (buf[i + 1] === quote || buf[i + 1] === BACKSLASH)) {
          kind = ESCAPED;
          i += 2;
          if (i > end) return 'unclosed';
        } else {
          if (c === 0) fields.nul = true;
          else if (c === CR && cr && buf[i + 1] !== LF) fields.innerLines++;
          i++;
        }
      }
      if (i + 1 >= end && !last) return 'partial';
      addField(fields, start + 1, i, kind);
      i++;
      c = buf[i] as number;
      const closes = i >= end || c === LF || c === CR || (c === d0 && (width === 1 || matches(buf, i, delimiter)));
      if (!closes) return 'irregular';
    } else {
      for (;;) {
        if (c === d0 && (width === 1 || matches(buf, i, delimiter))) break;
        // Nearly every byte is above the line ends and the usual quotes.
        if (c <= APOSTROPHE) {
          if (c === LF) break;
          if (c === CR && (cr || buf[i + 1] === LF)) break;
          if (c === 0) fields.nul = true;
          else if (c === quote) fields.loneQuote = true;
        }
        c = buf[++i] as number;
      }
      addField(fields, start, i, PLAIN);
    }
    if (c === d0 && i < end) {
      i += width;
      if (skipSpace && buf[i] === SPACE) i++;
      continue;
    }
    if (i >= end && !last) return 'partial';
    fields.contentEnd = i;
    if (c === CR && i < end) {
      if (buf[i + 1] === LF) {
        if (i + 1 >= end && !last) return 'partial';
        fields.next = Math.min(end, i + 2);
      } else {
        if (!cr) return 'irregular';
        fields.next = i + 1;
      }
      return 'complete';
    }
    fields.next = Math.min(end, i + 1);
    return 'complete';
  }
}
