import iconv from 'iconv-lite';
import { rowsOf } from '../rows.js';
import type { Dialect } from '../types.js';
import { arrangerOf, headersOf } from './headers.js';
import type { SourceFormat } from './types.js';

// Long enough that encoding and writing a piece costs little beside making it, short enough to keep memory flat.
const PIECE_CHARS = 128 * 1024;
const BOM = '\uFEFF';

function quoted(cell: string): string {
  return `"${cell.includes('"') ? cell.replaceAll('"', '""') : cell}"`;
}

function needsQuotes(cell: string, delimiter: string): boolean {
  return cell.includes(delimiter) || cell.includes('"') || cell.includes('\n') || cell.includes('\r');
}

function lineOf(cells: readonly string[], dialect: Dialect, free: readonly boolean[]): string {
  const { delimiter, quoteAll } = dialect;
  let line = '';
  for (let k = 0; k < cells.length; k++) {
    const cell = cells[k] as string;
    if (k > 0) line += delimiter;
    line += quoteAll || (free[k] && needsQuotes(cell, delimiter)) ? quoted(cell) : cell;
  }
  return line;
}

function encoderFor(dialect: Dialect): (text: string) => Buffer {
  if (dialect.encoding === 'gb18030') return (text) => iconv.encode(text, 'gb18030');
  return (text) => Buffer.from(text, 'utf8');
}

export const csv: SourceFormat = {
  name: 'csv',
  mediaType: 'text/csv',
  *encode(plan, part) {
    const { dialect } = part;
    const encode = encoderFor(dialect);
    const free = plan.fields.map((_, at) => plan.fields[part.order?.[at] ?? at]?.free === true);
    const arranged = arrangerOf(part);
    let text = (dialect.encoding === 'utf-8-bom' ? BOM : '') + lineOf(arranged(headersOf(plan)), dialect, free);
    if (plan.state !== 'empty') {
      for (const cells of rowsOf(plan, part)) {
        text += dialect.newline + lineOf(arranged(cells), dialect, free);
        if (text.length >= PIECE_CHARS) {
          yield encode(text);
          text = '';
        }
      }
    }
    yield encode(dialect.finalNewline ? text + dialect.newline : text);
  },
};
