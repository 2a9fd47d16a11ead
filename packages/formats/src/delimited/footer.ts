import { createDecoder } from '../encoding/decode.js';
import { afterBreak } from '../encoding/lines.js';
import type { ByteSource } from '../types.js';
import { cellKind } from './cells.js';
import { cellsOf } from './emit.js';
import { createFields, parseRecord } from './parse.js';
import { CR, LF, type Spec } from './spec.js';

export interface Footer {
  /** Source offset at which the rows end. */
  offset: number;
  notes: number;
  totals: number;
}

// Notes are short; what is longer is data that looks odd.
const TAIL_BYTES = 8 * 1024;
const MOST_LINES = 20;
// With fewer columns a lone cell is too likely to be a row.
const FEWEST_COLUMNS = 3;
const NOTE =
  /^\s*[*※#（(【[]?\s*(注[：:\s0-9一二三]|注释|备注|说明|数据来源|资料来源|来源[：:]|填表|制表|审核|单位负责人|统计时间|截至|打印|导出|note[s:\s]|source[s:]|footnote|\*+)/i;
const TOTAL = /^\s*(合\s*计|总\s*计|共\s*计|小\s*计|累\s*计|grand total|totals?|sum)\s*[：:]?\s*$/i;

/**
 * Looks at the end of a source for lines that are no rows: notes (a single cell) and totals. `dataStart` is the source offset of
 * the first row. A line whose quotes do not pair stops the search: a quoted cell may hold lines that look like notes, but none whose own
 * cells are quoted, because such quotes are written twice there.
 */
export async function findFooter(
  source: ByteSource,
  { encoding, spec, columns, dataStart }: { encoding: string; spec: Spec; columns: number; dataStart: number },
): Promise<Footer | undefined> {
  if (columns < FEWEST_COLUMNS || source.size === undefined) return undefined;
  const available = Math.min(TAIL_BYTES, source.size - dataStart);
  if (available <= 0) return undefined;
  // Two-byte encodings are only readable from an even distance to their start, which the data's start is.
  const tail = await source.tail(encoding.startsWith('utf-16') ? available & ~1 : available);
  const first = source.size - tail.length;
  const lines = splitLines(tail, encoding, spec.cr ? CR : LF);
  const from = first === dataStart ? 0 : 1;
  const decoder = createDecoder(encoding);
  let found: Footer | undefined;
  let notes = 0;
  let totals = 0;
  for (let i = lines.length - 1; i > from && lines.length - i <= MOST_LINES; i--) {
    const { start, end } = lines[i] as { start: number; end: number };
    const text = decoder.decode(tail.subarray(start, end), true);
    const kind = lineKind(text, spec, columns);
    if (kind === 'row') break;
    if (kind === 'blank') {
      if (found !== undefined) found.offset = first + start;
      continue;
    }
    if (kind === 'note') notes++;
    else totals++;
    found = { offset: first + start, notes, totals };
  }
  return found;
}

function splitLines(tail: Buffer, encoding: string, lineBreak: number): { start: number; end: number }[] {
  const lines: { start: number; end: number }[] = [];
  let start = 0;
  while (start < tail.length) {
    const next = afterBreak(tail, start, encoding, lineBreak);
    const end = next < 0 ? tail.length : next;
    lines.push({ start, end });
    start = end;
  }
  return lines;
}

function lineKind(line: Buffer, spec: Spec, columns: number): 'row' | 'blank' | 'note' | 'total' {
  const guarded = Buffer.concat([line, Buffer.from('\n')]);
  const fields = createFields();
  const status = parseRecord(guarded, 0, { end: line.length, last: true }, spec, fields);
  if (status !== 'complete' || (fields.loneQuote && spec.quote >= 0)) return 'row';
  return rowKind(cellsOf(guarded, fields, spec), columns);
}

/** Whether the cells of a row at the end of a table are a row, or a blank, note or total. */
export function rowKind(row: string[], columns: number): 'row' | 'blank' | 'note' | 'total' {
  const cells = row.map((cell) => cell.trim());
  const filled = cells.filter((cell) => cell !== '');
  if (filled.length === 0) return 'blank';
  const [cell] = filled as [string];
  if (filled.length === 1) return NOTE.test(cell) ? 'note' : 'row';
  if (NOTE.test(cell) && cells[0] === cell && cells.length !== columns) return 'note';
  const rest = filled.slice(1);
  const sums =
    cells.length === columns && TOTAL.test(cell) && rest.every((c) => cellKind(c) === 'number' || /^[-—/]+$/.test(c));
  return sums ? 'total' : 'row';
}
