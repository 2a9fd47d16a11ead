import { addField, ESCAPED, type Fields, matches, PLAIN } from './parse.js';
import { LF, SPACE, type Spec } from './spec.js';

// A record this wide with stray quotes is beyond repair; it also bounds the recursion.
const WIDEST = 2000;
// Bytes that one line may cost, looked at again and again: hostile input must not be slower than a megabyte a line.
const MOST_STEPS = 1_000_000;

/**
 * Finds the reading of one physical line [`pos`, `lineEnd`) whose quotes do not pair that has exactly `expected` fields, and
 * puts it into `fields`. At each field whose opening quote is not closed as it should be it tries, in this order: the quote closes
 * at the next quote that
 * stands before a delimiter or the line's end (quotes in between are text); the quote is text itself.
 */
export function recoverLine(
  buf: Uint8Array,
  pos: number,
  lineEnd: number,
  expected: number,
  spec: Spec,
  fields: Fields,
): boolean {
  if (expected > WIDEST || spec.quote < 0) return false;
  const { delimiter, quote, skipSpace } = spec;
  const d0 = delimiter[0];
  const width = delimiter.length;
  const dead = new Set<number>();
  const path: { start: number; end: number; kind: number }[] = [];
  let steps = 0;

  const isDelimiter = (i: number): boolean =>
    i + width <= lineEnd && buf[i] === d0 && (width === 1 || matches(buf, i, delimiter));

  const after = (end: number, field: { start: number; end: number; kind: number }): boolean => {
    path.push(field);
    if (end >= lineEnd) {
      if (path.length === expected) return true;
    } else {
      let next = end + width;
      if (skipSpace && next < lineEnd && buf[next] === SPACE) next++;
      if (path.length < expected && from(next)) return true;
    }
    path.pop();
    return false;
  };

  const from = (start: number): boolean => {
    const key = start * (WIDEST + 1) + path.length;
    if (dead.has(key) || steps > MOST_STEPS) return false;
    if (buf[start] === quote && start < lineEnd) {
      const closing = closingQuote(start);
      if (closing >= 0) return after(closing + 1, { start: start + 1, end: closing, kind: ESCAPED }) || fail(key);
      for (let i = start + 1; i < lineEnd; i++) {
        steps++;
        if (buf[i] !== quote || !(i + 1 >= lineEnd || isDelimiter(i + 1))) continue;
        if (after(i + 1, { start: start + 1, end: i, kind: ESCAPED })) return true;
        break;
      }
    }
    let end = start;
    while (end < lineEnd && !isDelimiter(end)) end++;
    steps += end - start + 1;
    if (after(end, { start, end, kind: PLAIN })) return true;
    return fail(key);
  };

  const fail = (key: number): false => {
    dead.add(key);
    return false;
  };

  // A field that is quoted as it should be has one reading only.
  const closingQuote = (start: number): number => {
    for (let i = start + 1; i < lineEnd; i++) {
      steps++;
      if (buf[i] !== quote) continue;
      if (buf[i + 1] === quote && i + 1 < lineEnd) i++;
      else return i + 1 >= lineEnd || isDelimiter(i + 1) ? i : -1;
    }
    return -1;
  };

  if (!from(pos)) return false;
  fields.count = 0;
  fields.innerLines = 0;
  fields.nul = buf.subarray(pos, lineEnd).includes(0);
  for (const field of path) addField(fields, field.start, field.end, field.kind);
  return true;
}

/** Where the physical line at `pos` ends, and the first byte after its ending; undefined when that is not yet known. */
export function lineAt(
  buf: Buffer,
  pos: number,
  { end, last }: { end: number; last: boolean },
  cr: boolean,
): { contentEnd: number; next: number } | undefined {
  const lf = buf.indexOf(LF, pos);
  const carriage = cr ? buf.indexOf(0x0d, pos) : -1;
  if (carriage >= 0 && carriage < end && (lf < 0 || carriage < lf)) {
    if (carriage + 1 >= end && !last) return undefined;
    return { contentEnd: carriage, next: carriage + 1 < end && buf[carriage + 1] === LF ? carriage + 2 : carriage + 1 };
  }
  if (lf < 0 || lf >= end) return last ? { contentEnd: end, next: end } : undefined;
  return { contentEnd: lf > pos && buf[lf - 1] === 0x0d ? lf - 1 : lf, next: lf + 1 };
}
