import { tooLarge } from '../container/spool.js';
import { tooLong } from '../delimited/scan-errors.js';
import { LF } from '../delimited/spec.js';
import { decodeWhole, encodingName } from '../encoding/decode.js';
import { detectEncoding, markLength } from '../encoding/detect.js';
import { emptySource, formatError } from '../errors.js';
import { throwIfAborted } from '../rows/aborted.js';
import { type GridRow, gridLayout, readGrid, SAMPLE_ROWS } from '../rows/grid.js';
import { noDialect } from '../rows/no-dialect.js';
import type { FormatInput, TableReader, Warning } from '../types.js';
import { preambleWarning } from '../warnings.js';

/** Cuts one line, without its end, into the texts of its columns. */
type Cut = (line: Buffer) => string[];

/**
 * Opens text whose columns have fixed widths, which only the configuration knows. Blanks around a cell fill its width and are left
 * out. Encodings of two bytes a character cannot be split into lines here and are refused.
 */
export async function openFixedWidth(input: FormatInput): Promise<TableReader[]> {
  const { source, head, options, limits, decisions } = input;
  const whole = source.size !== undefined && head.length >= source.size;
  const found = options.encoding === undefined ? detectEncoding(head, whole) : undefined;
  const encoding = found?.value ?? encodingName(options.encoding as string);
  if (encoding.startsWith('utf-16')) throw wideText(source.name, encoding);
  decisions.push({
    what: 'encoding',
    value: encoding,
    evidence: found?.evidence ?? 'told',
    confidence: found?.confidence ?? 1,
  });
  const cut = cutterOf(options.fixedWidth, encoding, source.name);
  const rows = (signal?: AbortSignal): AsyncGenerator<GridRow[]> =>
    lines(input, markLength(head, encoding), cut, encoding, signal);
  const sample: GridRow[] = [];
  for await (const more of rows()) {
    sample.push(...more);
    if (sample.length >= SAMPLE_ROWS) break;
  }
  if (!sample.some((row) => row.cells.some((cell) => cell !== ''))) throw emptySource(source.name);
  const layout = gridLayout({
    rows: sample.slice(0, SAMPLE_ROWS),
    name: source.name,
    limits,
    options,
    width: options.fixedWidth?.widths.length ?? 1,
  });
  const warnings: Warning[] = preambleWarning(layout.preambleRows);
  return [
    {
      name: source.name,
      format: 'fixed-width',
      encoding,
      dialect: noDialect(layout.headerRows, layout.preambleRows),
      columns: layout.columnNames,
      decisions,
      warnings,
      batches: (signal) => readGrid(rows(signal), { name: source.name, layout, limits, encoding, warnings }),
    },
  ];
}

function cutterOf(told: FormatInput['options']['fixedWidth'], encoding: string, name: string): Cut {
  const { widths = [], unit = 'characters' } = told ?? {};
  if (widths.length === 0 || widths.some((width) => !Number.isInteger(width) || width < 1)) {
    throw formatError(
      'dialect.invalid',
      `${name}: fixedWidth needs widths of 1 or more, found ${JSON.stringify(widths)}. 请填写每列的宽度`,
      {
        file: name,
      },
    );
  }
  let decoder = new TextDecoder(encoding, { fatal: true });
  const decode = (bytes: Buffer): string => {
    try {
      return decodeWhole(decoder, bytes, true);
    } catch (error) {
      // A decoder that has failed may keep what it held, which must not begin the next line.
      decoder = new TextDecoder(encoding, { fatal: true });
      throw error;
    }
  };
  if (unit === 'bytes') return (line) => slices(widths, (from, to) => decode(line.subarray(from, to)));
  return (line) => {
    const text = decode(line);
    // Characters beyond the first plane are two units of a string and one of a width.
    const characters = /[\ud800-\udfff]/.test(text) ? [...text] : undefined;
    return slices(widths, (from, to) => characters?.slice(from, to).join('') ?? text.slice(from, to));
  };
}

function slices(widths: number[], cut: (from: number, to: number) => string): string[] {
  let at = 0;
  const cells = widths.map((width) => {
    at += width;
    return cut(at - width, at).trim();
  });
  // What follows the last column is a cell too many, which rejects its row.
  const rest = cut(at, Number.MAX_SAFE_INTEGER).trim();
  return rest === '' ? cells : [...cells, rest];
}

async function* lines(
  { source, limits }: FormatInput,
  bom: number,
  cut: Cut,
  encoding: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<GridRow[]> {
  let kept: Buffer = Buffer.alloc(0);
  let number = 0;
  let bytes = 0;
  let mark = bom;
  let offset = bom;
  /** Reads a line of which `size` bytes, its end included, are taken. */
  const read = (line: Buffer, size: number): GridRow => {
    number++;
    const at = { line: number, offset };
    offset += size;
    const text = line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
    try {
      return { ...at, cells: cut(text) };
    } catch {
      return { ...at, cells: [text.toString('latin1')], problem: { code: 'row.encoding', field: encoding } };
    }
  };
  for await (const chunk of source.chunks()) {
    throwIfAborted(source.name, signal);
    bytes += chunk.length;
    if (bytes > limits.bytes) throw tooLarge(source.name, limits.bytes);
    const text = Buffer.concat([kept, chunk.subarray(mark)]);
    mark = 0;
    const rows: GridRow[] = [];
    let start = 0;
    for (let at = text.indexOf(LF); at >= 0; at = text.indexOf(LF, start)) {
      rows.push(read(text.subarray(start, at), at + 1 - start));
      start = at + 1;
    }
    kept = text.subarray(start);
    if (kept.length > limits.rowBytes) throw tooLong(source.name, number + 1, 'limit.row-bytes', limits.rowBytes);
    yield rows;
  }
  if (kept.length > 0) yield [read(kept, kept.length)];
}

const wideText = (name: string, encoding: string): Error =>
  formatError(
    'format.unsupported',
    `${name} is fixed width in ${encoding}, which cannot be read: export it in UTF-8 or GB 18030. 定宽文本不支持此编码`,
    {
      file: name,
    },
  );
