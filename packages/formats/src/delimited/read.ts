import { nameColumns, unnamedColumns } from '../columns.js';
import { createDecoder, createLateDecoder, decodeEnd, encodingName } from '../encoding/decode.js';
import { detectEncoding, markLength } from '../encoding/detect.js';
import { formatError } from '../errors.js';
import type { Decoder, Dialect, FormatInput, TableBatch, TableReader, Warning } from '../types.js';
import { detectDialect, detectLineEnding } from './detect.js';
import { findLayout, type Layout } from './header.js';
import { createSample } from './sample.js';
import { createScanner, type Scanner } from './scan.js';
import { CR, LF, specOf } from './spec.js';

// Enough for a hundred wide rows; more is read only when it holds no whole line.
const LARGEST_HEAD = 1024 * 1024;
// A table whose rows are largely in another encoding was misread as a whole.
const MOST_BAD_ENCODING = 0.05;

interface Encoded {
  encoding: string;
  bom: number;
  undecided: boolean;
}

/** Opens delimited text as its one table: finds what was not told, and reads when `batches` is asked. */
export async function openDelimited(input: FormatInput): Promise<TableReader[]> {
  const { source, options, limits, decisions } = input;
  const encoded = chooseEncoding(input);
  const { text, whole } = await headText(input, encoded);
  if (whole && isBlank(text)) {
    throw formatError(
      'source.empty',
      `${source.name} is empty: expected at least a header row; export it again. 文件是空的`,
      {
        file: source.name,
      },
    );
  }
  const lineEnding = detectLineEnding(text);
  const sample = createSample(text, whole, lineEnding === 'cr');
  const found = detectDialect(sample, lineEnding, options);
  decisions.push({
    what: 'dialect',
    value: JSON.stringify(found.delimiter),
    evidence: found.evidence,
    confidence: found.confidence,
  });
  const spec = specOf(found);
  const layout = findLayout(sample, spec, found.columns, options);
  decisions.push({
    what: 'header',
    value: `${layout.headerRows} row(s) after ${layout.preambleRows} line(s)`,
    evidence: layout.evidence,
    confidence: layout.confidence,
  });
  const widest = Math.max(layout.columns, found.columns);
  if (widest > limits.columns) {
    throw formatError(
      'limit.columns',
      `${source.name} has ${widest} columns, more than ${limits.columns}: check the delimiter (${JSON.stringify(found.delimiter)}) or raise the limit. 列数超过上限`,
      {
        file: source.name,
        line: layout.preambleRows + 1,
        limit: limits.columns,
      },
    );
  }
  const warnings: Warning[] = layoutWarnings(layout);
  const dialect: Dialect = {
    delimiter: found.delimiter,
    quote: found.quote,
    escape: found.escape,
    lineEnding,
    headerRows: layout.headerRows,
    preambleRows: layout.preambleRows,
  };
  let { encoding } = encoded;
  const scan = () => ({
    name: source.name,
    spec,
    columns: layout.columns,
    limits,
    line: layout.dataLine + 1,
    offset: encoded.bom + layout.dataStart,
    encoding,
    exactOffsets: encoding === 'utf-8',
    header: layout.headerBytes,
    sizeHint: source.size === undefined ? Number.POSITIVE_INFINITY : source.size + (source.size >> 2),
  });
  const decoder = (): Decoder =>
    encoded.undecided
      ? createLateDecoder((value, evidence, confidence) => {
          encoding = value;
          decisions.push({ what: 'encoding', value, evidence, confidence });
        })
      : createDecoder(encoded.encoding);
  const reader: TableReader = {
    name: source.name,
    format: 'delimited',
    get encoding() {
      return encoding;
    },
    dialect,
    columns: layout.headers === undefined ? unnamedColumns(layout.columns) : nameColumns(layout.headers),
    decisions,
    warnings,
    batches: (signal) =>
      readBatches(
        input,
        { bom: encoded.bom, skip: layout.dataStart, decoder: decoder(), scanner: createScanner(scan()) },
        warnings,
        signal,
      ),
  };
  return [reader];
}

function chooseEncoding({ head, options, source, decisions }: FormatInput): Encoded {
  const whole = source.size !== undefined && head.length >= source.size;
  if (options.encoding !== undefined) {
    const encoding = encodingName(options.encoding);
    decisions.push({ what: 'encoding', value: encoding, evidence: 'told', confidence: 1 });
    return { encoding, bom: markLength(head, encoding), undecided: false };
  }
  const found = detectEncoding(head, whole);
  decisions.push({ what: 'encoding', value: found.value, evidence: found.evidence, confidence: found.confidence });
  return { encoding: found.value, bom: found.bom, undecided: found.undecided };
}

/** The decoded head: as long as it takes to hold a whole line, up to a limit. */
async function headText(input: FormatInput, encoded: Encoded): Promise<{ text: Buffer; whole: boolean }> {
  const { source } = input;
  let { head } = input;
  for (;;) {
    const whole = source.size !== undefined ? head.length >= source.size : false;
    const decoder = createDecoder(encoded.encoding);
    const body = decoder.decode(head.subarray(encoded.bom), whole);
    if (whole || body.includes(LF) || body.includes(CR) || head.length >= LARGEST_HEAD) return { text: body, whole };
    const more = await source.head(LARGEST_HEAD);
    if (more.length === head.length) return { text: body, whole: true };
    head = more;
  }
}

function isBlank(text: Buffer): boolean {
  return text.every((byte) => byte === 0x20 || byte === 0x09 || byte === LF || byte === CR);
}

interface ReadPlan {
  bom: number;
  /** Bytes of decoded text before the first row. */
  skip: number;
  decoder: Decoder;
  scanner: Scanner;
}

async function* readBatches(
  input: FormatInput,
  plan: ReadPlan,
  warnings: Warning[],
  signal?: AbortSignal,
): AsyncGenerator<TableBatch> {
  const { source, limits } = input;
  const { decoder, scanner } = plan;
  let toSkip = plan.skip;
  let mark = plan.bom;
  let bytes = 0;
  for await (const chunk of source.chunks()) {
    if (signal?.aborted)
      throw formatError('read.aborted', `reading ${source.name} was aborted`, { file: source.name }, signal.reason);
    bytes += chunk.length;
    if (bytes > limits.bytes) {
      throw formatError(
        'limit.bytes',
        `${source.name} is larger than ${limits.bytes} bytes: split it or raise the limit. 文件过大`,
        { file: source.name, limit: limits.bytes },
      );
    }
    const decoded = decoder.decode(mark === 0 ? chunk : chunk.subarray(mark), false);
    mark = 0;
    const skipped = Math.min(toSkip, decoded.length);
    toSkip -= skipped;
    scanner.push(skipped === 0 ? decoded : decoded.subarray(skipped), false);
    yield* scanner.take();
    checkEncoding(input, decoder, scanner);
  }
  scanner.push(decodeEnd(decoder).subarray(toSkip), true);
  checkEncoding(input, decoder, scanner, true);
  warnings.push(...scanWarnings(scanner));
  yield* scanner.take();
}

function checkEncoding(
  { source }: FormatInput,
  decoder: Decoder,
  { counts, rows, rejectedRows }: Scanner,
  last = false,
): void {
  const { badEncoding, firstBadLine, firstBadOffset } = counts;
  if (badEncoding === 0 || (badEncoding < 100 && !last)) return;
  if (badEncoding <= (rows + rejectedRows) * MOST_BAD_ENCODING) return;
  const exact = decoder.encoding === 'utf-8';
  throw formatError(
    'encoding.invalid',
    `${source.name} is not ${decoder.encoding} throughout: ${badEncoding} rows hold bytes that are not, the first on line ${firstBadLine}` +
      `${exact ? ` (row at byte ${firstBadOffset})` : ''}; export it in one encoding, or name its encoding. 文件编码不一致`,
    { file: source.name, line: firstBadLine, ...(exact ? { offset: firstBadOffset } : {}), encoding: decoder.encoding },
  );
}

function layoutWarnings(layout: Layout): Warning[] {
  const warnings: Warning[] = [];
  if (layout.preambleRows > 0) {
    warnings.push({
      code: 'table.preamble',
      message: `lines 1 to ${layout.preambleRows} stand before the header and were not read as rows`,
    });
  }
  if (layout.mismatch !== undefined) {
    const { header, rows } = layout.mismatch;
    warnings.push({
      code: 'header.fields',
      message: `the header has ${header} names, the rows have ${rows} fields: check that names and columns agree`,
    });
  }
  return warnings;
}

function scanWarnings({ counts }: Scanner): Warning[] {
  const warnings: Warning[] = [];
  if (counts.repairedQuotes > 0) {
    warnings.push({
      code: 'rows.quotes',
      message: `${counts.repairedQuotes} row(s) have quotes that do not pair; they were read as text where that gives the right number of fields`,
    });
  }
  if (counts.repairedDelimiters > 0) {
    warnings.push({
      code: 'rows.delimiter',
      message: `${counts.repairedDelimiters} row(s) use another delimiter than the rest`,
    });
  }
  return warnings;
}
