import { cellsOf } from './emit.js';
import { createFields, type Fields, PLAIN, parseRecord } from './parse.js';
import { lineAt, recoverLine } from './recover.js';
import { CR, LF, type Spec } from './spec.js';
import { repairRecord } from './split.js';

/** A record of the head of a file, read under a dialect that is being tried. */
export interface SampleRecord {
  start: number;
  contentEnd: number;
  next: number;
  /** Physical line, from 0, and how many the record spans. */
  line: number;
  lines: number;
  count: number;
  /** Quotes did not pair; `count` is then of the line read without them. */
  irregular: boolean;
  /** Has a field in quotes that pair. */
  quoted: boolean;
  /** A quote stands inside an unquoted field. */
  loneQuote: boolean;
}

export interface Sample {
  /** UTF-8 text with a guard LF at `end`. */
  text: Buffer;
  end: number;
  /** Whether the file ends here. */
  whole: boolean;
}

// Detection looks at this much when it holds enough lines, otherwise at all there is.
const ENOUGH_BYTES = 16 * 1024;
const ENOUGH_LINES = 60;

/** Copies `text` so that it ends with a whole line (unless the file ends there too) and a guard. */
export function createSample(text: Buffer, whole: boolean, cr: boolean): Sample {
  const lineBreak = cr ? CR : LF;
  let end = text.length;
  const enough = text.length > ENOUGH_BYTES && countLines(text, ENOUGH_BYTES, lineBreak) >= ENOUGH_LINES;
  if (enough || !whole) {
    const cut = text.lastIndexOf(lineBreak, enough ? ENOUGH_BYTES : undefined);
    if (cut > 0) end = cut + 1;
  }
  const copy = Buffer.allocUnsafe(end + 1);
  text.copy(copy, 0, 0, end);
  copy[end] = LF;
  return { text: copy, end, whole: whole && end === text.length };
}

function countLines(text: Buffer, end: number, lineBreak: number): number {
  let lines = 0;
  for (let at = text.indexOf(lineBreak); at >= 0 && at < end; at = text.indexOf(lineBreak, at + 1)) lines++;
  return lines;
}

/** Reads up to `limit` records; blank lines count as lines only. */
export function readRecords(
  sample: Sample,
  spec: Spec,
  limit: number,
  fields: Fields = createFields(),
): SampleRecord[] {
  const { text, end, whole } = sample;
  const bounds = { end, last: true };
  const records: SampleRecord[] = [];
  let pos = 0;
  let line = 0;
  while (pos < end && records.length < limit) {
    const status = parseRecord(text, pos, bounds, spec, fields);
    if (status === 'complete') {
      const lines = fields.innerLines + 1;
      if (fields.contentEnd > pos) {
        records.push({
          start: pos,
          contentEnd: fields.contentEnd,
          next: fields.next,
          line,
          lines,
          count: fields.count,
          irregular: false,
          quoted: hasQuoted(fields),
          loneQuote: fields.loneQuote,
        });
      }
      line += lines;
      pos = fields.next;
      continue;
    }
    // A quote that is open at the end of a sample may close behind it.
    if (status === 'unclosed' && !whole && records.length > 0 && text.indexOf(LF, pos) > end - 2) break;
    const at = lineAt(text, pos, bounds, spec.cr);
    if (at === undefined) break;
    const plain = { ...spec, quote: -1 };
    parseRecord(text, pos, { end: at.contentEnd, last: true }, plain, fields);
    records.push({
      start: pos,
      contentEnd: at.contentEnd,
      next: at.next,
      line,
      lines: 1,
      count: fields.count,
      irregular: true,
      quoted: false,
      loneQuote: false,
    });
    line++;
    pos = at.next;
  }
  return records;
}

function hasQuoted({ kinds, count }: Fields): boolean {
  for (let k = 0; k < count; k++) if (kinds[k] !== PLAIN) return true;
  return false;
}

/** The cells of a sample record, repaired like the scanner would when its count is not `expected`. */
export function readCells(sample: Sample, record: SampleRecord, spec: Spec, expected: number): string[] {
  const fields = createFields();
  const { text } = sample;
  const status = parseRecord(text, record.start, { end: sample.end, last: true }, spec, fields);
  if (status !== 'complete' || (fields.count !== expected && expected > 1)) {
    if (recoverLine(text, record.start, record.contentEnd, expected, spec, fields)) return cellsOf(text, fields, spec);
    if (repairRecord(text, record.start, record, expected, spec, fields)) return cellsOf(text, fields, spec);
    if (status !== 'complete') {
      parseRecord(text, record.start, { end: record.contentEnd, last: true }, { ...spec, quote: -1 }, fields);
    } else parseRecord(text, record.start, { end: sample.end, last: true }, spec, fields);
  }
  return cellsOf(text, fields, spec);
}
