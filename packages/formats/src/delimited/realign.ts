import { cellKind } from './cells.js';
import { cellsOf } from './emit.js';
import { ESCAPED, type Fields, insertField, matches, PLAIN, removeField } from './parse.js';
import { type ColumnShape, fitsShapes } from './shape.js';
import type { Spec } from './spec.js';

// Wider rows are not worth the attempts, which grow with the square of the columns.
const WIDEST = 200;
// In two columns every reading fits.
const NARROWEST = 3;

/**
 * Puts right a record with one field too many or some too few, where the columns leave one way only: a blank field that its column
 * cannot hold is left out, or columns that are blank in every row are blank in this one too. Says whether `fields` now has one field a
 * column.
 */
export function realign(buf: Buffer, fields: Fields, spec: Spec, shapes: ColumnShape[]): boolean {
  const columns = shapes.length;
  if (columns < NARROWEST || columns > WIDEST) return false;
  if (fields.count === columns + 1) return leaveOut(buf, fields, spec, shapes);
  if (fields.count < columns) return fillUp(buf, fields, spec, shapes);
  return false;
}

function leaveOut(buf: Buffer, fields: Fields, spec: Spec, shapes: ColumnShape[]): boolean {
  const cells = cellsOf(buf, fields, spec);
  const blank = cells.map((cell) => cellKind(cell) === 'empty');
  const surplus = cells.flatMap((_, k) => {
    if (!blank[k] || blank[k - 1]) return [];
    // At the end no value moves. Otherwise the first one that does must be of its column's kind and the column never blank: among texts it
    // may be the one that is too many, and the blank its column's own.
    const end = blank.indexOf(false, k);
    const takenOver = shapes[(end < 0 ? k : end) - 1];
    const moves = end >= 0 || k === shapes.length;
    const certain = !moves || (takenOver?.blank === 'never' && takenOver.kind !== undefined);
    return certain && fitsShapes(cells.toSpliced(k, 1), shapes) ? [k] : [];
  });
  if (surplus.length !== 1) return false;
  // A delimiter inside a text that should have been quoted makes a field too many as well.
  const glue = spec.delimiter.toString();
  const divided = cells.some(
    (cell, k) =>
      k > 0 && !blank[k] && !blank[k - 1] && fitsShapes(cells.toSpliced(k - 1, 2, cells[k - 1] + glue + cell), shapes),
  );
  if (divided) return false;
  removeField(fields, surplus[0] as number);
  return true;
}

/** A record that ends before columns that no row fills: its last delimiters are missing, none in between. */
function fillUp(buf: Buffer, fields: Fields, spec: Spec, shapes: ColumnShape[]): boolean {
  if (shapes.slice(fields.count).some((shape) => shape.blank !== 'always')) return false;
  const cells = cellsOf(buf, fields, spec);
  if (cellKind(cells.at(-1) as string) === 'empty') return false;
  const missing = shapes.length - fields.count;
  if (!fitsShapes([...cells, ...Array<string>(missing).fill('')], shapes)) return false;
  for (let k = 0; k < missing; k++) insertField(fields, fields.count, { start: 0, end: 0, kind: PLAIN });
  return true;
}

/** Where an unquoted field goes on as a quoted one: the delimiter between them is missing. */
export interface Glued {
  field: number;
  /** The quote that opens, and the one that closes. */
  open: number;
  close: number;
}

/**
 * The one place in a record where a quote follows a text directly and closes right before a delimiter or the record's end, with text in between.
 * Inch marks and the like stand before delimiters, or alone.
 */
export function findGlued(buf: Buffer, fields: Fields, spec: Spec): Glued | undefined {
  const { contentEnd } = fields;
  const { quote, delimiter } = spec;
  const isEdge = (i: number): boolean =>
    i >= contentEnd || (buf[i] === delimiter[0] && (delimiter.length === 1 || matches(buf, i, delimiter)));
  let found: Glued | undefined;
  for (let k = 0; k < fields.count; k++) {
    if (fields.kinds[k] !== PLAIN) continue;
    const start = fields.starts[k] as number;
    if (found !== undefined && start < found.close) continue;
    const open = start + buf.subarray(start, fields.ends[k]).indexOf(quote);
    if (open <= start || buf[open + 1] === quote || isEdge(open + 1)) continue;
    const close = closing(buf, open, contentEnd, quote);
    if (close < 0 || !isEdge(close + 1)) continue;
    if (found !== undefined) return undefined;
    found = { field: k, open, close };
  }
  return found;
}

function closing(buf: Buffer, open: number, end: number, quote: number): number {
  for (let i = open + 1; i < end; i++) {
    if (buf[i] !== quote) continue;
    if (i + 1 < end && buf[i + 1] === quote) i++;
    else return i;
  }
  return -1;
}

/** Divides the field at the missing delimiter; the fields that lay between the quotes become one. */
export function divideGlued(fields: Fields, { field, open, close }: Glued): void {
  fields.ends[field] = open;
  while (field + 1 < fields.count && (fields.starts[field + 1] as number) <= close) removeField(fields, field + 1);
  insertField(fields, field + 1, { start: open + 1, end: close, kind: ESCAPED });
}
