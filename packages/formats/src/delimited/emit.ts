import { ESCAPED, type Fields, QUOTED } from './parse.js';
import { BACKSLASH, COMMA, CR, LF, QUOTE, type Spec } from './spec.js';

/** A growing buffer for one canonical record. */
export interface Scratch {
  bytes: Buffer;
  used: number;
}

export const createScratch = (): Scratch => ({ bytes: Buffer.allocUnsafe(4096), used: 0 });

// Bytes that make a cell need quotes.
const SPECIAL = new Uint8Array(256);
for (const byte of [COMMA, QUOTE, CR, LF]) SPECIAL[byte] = 1;

/** Writes the record in `fields` as canonical CSV without its line end; returns how many bytes. */
export function emitRecord(buf: Buffer, fields: Fields, spec: Spec, scratch: Scratch): number {
  scratch.used = 0;
  let bound = 2;
  for (let k = 0; k < fields.count; k++) bound += 2 * ((fields.ends[k] as number) - (fields.starts[k] as number)) + 3;
  if (scratch.bytes.length < bound) scratch.bytes = Buffer.allocUnsafe(bound * 2);
  const out = scratch.bytes;
  let to = 0;
  for (let k = 0; k < fields.count; k++) {
    if (k > 0) out[to++] = COMMA;
    const start = fields.starts[k] as number;
    const end = fields.ends[k] as number;
    const kind = fields.kinds[k];
    if (kind === QUOTED && spec.quote === QUOTE) {
      out[to++] = QUOTE;
      to += buf.copy(out, to, start, end);
      out[to++] = QUOTE;
    } else if (kind === ESCAPED) {
      const text = plainText(buf, start, end, spec);
      to = emitText(text, 0, text.length, out, to);
    } else to = emitText(buf, start, end, out, to);
  }
  // A record of one blank cell would otherwise be a blank line, which is no record.
  if (to === 0) {
    out[to++] = QUOTE;
    out[to++] = QUOTE;
  }
  scratch.used = to;
  return to;
}

function emitText(buf: Buffer, start: number, end: number, out: Buffer, at: number): number {
  let to = at;
  for (let i = start; i < end; i++) {
    const c = buf[i] as number;
    if (SPECIAL[c] === 1) return emitQuoted(buf, start, end, out, at);
    out[to++] = c;
  }
  return to;
}

function emitQuoted(buf: Buffer, start: number, end: number, out: Buffer, at: number): number {
  let to = at;
  out[to++] = QUOTE;
  for (let i = start; i < end; i++) {
    const c = buf[i] as number;
    if (c === QUOTE) out[to++] = QUOTE;
    out[to++] = c;
  }
  out[to++] = QUOTE;
  return to;
}

/** The text of a quoted field: doubled or backslashed quotes become one, lone ones stay. */
export function plainText(buf: Buffer, start: number, end: number, { quote, backslash }: Spec): Buffer {
  const text = Buffer.allocUnsafe(end - start);
  let to = 0;
  for (let i = start; i < end; i++) {
    const c = buf[i] as number;
    const next = i + 1 < end ? buf[i + 1] : -1;
    if ((c === quote && next === quote) || (backslash && c === BACKSLASH && (next === quote || next === BACKSLASH)))
      i++;
    text[to++] = buf[i] as number;
  }
  return text.subarray(0, to);
}

/** The cells of a parsed record as text. */
export function cellsOf(buf: Buffer, fields: Fields, spec: Spec): string[] {
  const cells: string[] = [];
  for (let k = 0; k < fields.count; k++) {
    const start = fields.starts[k] as number;
    const end = fields.ends[k] as number;
    const text = fields.kinds[k] === ESCAPED ? plainText(buf, start, end, spec) : buf.subarray(start, end);
    cells.push(text.toString('utf8'));
  }
  return cells;
}
