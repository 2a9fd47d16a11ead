import { createFields, type Fields, PLAIN, parseRecord } from './parse.js';
import { COMMA, SPACE, type Spec, TAB } from './spec.js';

// Delimiters that a single stray row may use instead of the file's own.
const OTHERS = [0x3b, TAB, 0x7c, COMMA, SPACE];
// With fewer fields a row of another delimiter is a coincidence.
const FEWEST = 3;

/**
 * Reads one line that was written with another delimiter than the rest of the file: exactly one other delimiter must give exactly
 * `expected` fields, and leave the file's own delimiter in quotes only. Puts it into `fields` and says whether it did.
 */
export function repairRecord(
  buf: Buffer,
  start: number,
  line: { contentEnd: number },
  expected: number,
  spec: Spec,
  fields: Fields,
): boolean {
  if (expected < FEWEST || spec.delimiter.length !== 1) return false;
  const text = Buffer.concat([buf.subarray(start, line.contentEnd), Buffer.from('\n')]);
  let found: number | undefined;
  const attempt = createFields();
  for (const byte of OTHERS) {
    if (byte === spec.delimiter[0] || !text.includes(byte)) continue;
    if (fits(text, byte, expected, spec, attempt)) {
      if (found !== undefined) return false;
      found = byte;
    }
  }
  if (found === undefined) return false;
  const other = { ...spec, delimiter: Buffer.from([found]), skipSpace: false };
  const status = parseRecord(buf, start, { end: line.contentEnd, last: true }, other, fields);
  return status === 'complete' && fields.count === expected;
}

function fits(text: Buffer, byte: number, expected: number, spec: Spec, fields: Fields): boolean {
  const other = { ...spec, delimiter: Buffer.from([byte]), skipSpace: false };
  const status = parseRecord(text, 0, { end: text.length - 1, last: true }, other, fields);
  if (status !== 'complete' || fields.count !== expected || fields.innerLines > 0) return false;
  for (let k = 0; k < expected; k++) {
    if (fields.kinds[k] === PLAIN && text.subarray(fields.starts[k], fields.ends[k]).includes(spec.delimiter))
      return false;
  }
  return true;
}
