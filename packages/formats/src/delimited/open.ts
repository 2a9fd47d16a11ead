import { nameColumns, unnamedColumns } from '../columns.js';
import { isBinary } from '../encoding/binary.js';
import { createDecoder, createLateDecoder, encodingName } from '../encoding/decode.js';
import { detectEncoding, markLength } from '../encoding/detect.js';
import { LineOffsets } from '../encoding/lines.js';
import { emptySource, formatError, unknownFormat } from '../errors.js';
import type { Decoder, Dialect, FormatInput, TableReader, Warning } from '../types.js';
import { preambleWarning, warning } from '../warnings.js';
import { type DetectedDialect, detectDialect, detectLineEnding } from './detect.js';
import { findFooter } from './footer.js';
import { findLayout, type Layout } from './header.js';
import { readBatches } from './read.js';
import { createSample } from './sample.js';
import { createScanner } from './scan.js';
import { CR, LF, type Spec, specOf } from './spec.js';

// Enough for a hundred wide rows; more is read only when it holds no whole line.
const LARGEST_HEAD = 1024 * 1024;

interface Encoded {
  encoding: string;
  bom: number;
  undecided: boolean;
}

/** Everything that was found out about a file before its rows are read. */
interface Plan {
  encoded: Encoded;
  dialect: DetectedDialect;
  spec: Spec;
  layout: Layout;
}

/** Opens delimited text as its one table: finds what was not told, and reads when `batches` is asked. */
export async function openDelimited(input: FormatInput): Promise<TableReader[]> {
  const plan = await makePlan(input);
  const { encoded, layout, spec } = plan;
  const lineBreak = spec.cr ? CR : LF;
  const dataStart = await sourceOffset(input, plan, lineBreak);
  const footer =
    dataStart === undefined
      ? undefined
      : await findFooter(input.source, { encoding: encoded.encoding, spec, columns: layout.columns, dataStart });
  const warnings: Warning[] = layoutWarnings(layout);
  const { source, limits, decisions } = input;
  let { encoding } = encoded;
  const decoder = (): Decoder =>
    encoded.undecided
      ? createLateDecoder((value, evidence, confidence) => {
          encoding = value;
          decisions.push({ what: 'encoding', value, evidence, confidence });
        })
      : createDecoder(encoded.encoding);
  const scanner = (offsets: LineOffsets | undefined) =>
    createScanner({
      name: source.name,
      spec,
      columns: layout.columns,
      limits,
      line: layout.dataLine + 1,
      offset: encoded.bom + layout.dataStart,
      encoding: () => encoding,
      // Offsets of decoded text are the source's own only in UTF-8.
      offsetOf: (line, offset) => (encoding === 'utf-8' ? offset : offsets?.offsetOf(line)),
      header: layout.headerBytes,
      shapes: layout.shapes,
      sizeHint: source.size === undefined ? Number.POSITIVE_INFINITY : source.size + (source.size >> 2),
    });
  return [
    {
      name: source.name,
      format: 'delimited',
      get encoding() {
        return encoding;
      },
      dialect: dialectOf(plan),
      columns: layout.headers === undefined ? unnamedColumns(layout.columns) : nameColumns(layout.headers),
      decisions,
      warnings,
      batches: (signal) => {
        const offsets = encoding === 'utf-8' ? undefined : new LineOffsets(encoding, lineBreak);
        return readBatches(
          {
            input,
            bom: encoded.bom,
            skip: layout.dataStart,
            footer,
            decoder: decoder(),
            scanner: scanner(offsets),
            offsets,
            warnings,
          },
          signal,
        );
      },
    },
  ];
}

async function makePlan(input: FormatInput): Promise<Plan> {
  const { source, options, limits, decisions } = input;
  if (options.encoding === undefined && isBinary(input.head)) throw unknownFormat(source.name);
  const encoded = chooseEncoding(input);
  const { text, whole } = await headText(input, encoded);
  if (isBlank(text) && (whole || (await onlyBlank(source)))) throw emptySource(source.name);
  const lineEnding = detectLineEnding(text);
  const sample = createSample(text, whole, lineEnding === 'cr');
  const dialect = detectDialect(sample, lineEnding, options);
  const spec = specOf(dialect);
  decisions.push({
    what: 'dialect',
    value: JSON.stringify(dialect.delimiter),
    evidence: dialect.evidence,
    confidence: dialect.confidence,
  });
  if (dialect.columns > limits.columns) throw tooManyColumns(input, dialect.columns, dialect.delimiter);
  if (!whole && !hasLineEnd(text)) throw endlessLine(input);
  const layout = findLayout(sample, spec, dialect.columns, options);
  if (layout.columns > limits.columns) throw tooManyColumns(input, layout.columns, dialect.delimiter);
  decisions.push({
    what: 'header',
    value: `${layout.headerRows} row(s) after ${layout.preambleRows} line(s)`,
    evidence: layout.evidence,
    confidence: layout.confidence,
  });
  return { encoded, dialect, spec, layout };
}

const dialectOf = ({ dialect, layout }: Plan): Dialect => ({
  delimiter: dialect.delimiter,
  quote: dialect.quote,
  escape: dialect.escape,
  lineEnding: dialect.lineEnding,
  headerRows: layout.headerRows,
  preambleRows: layout.preambleRows,
});

function chooseEncoding({ head, options, source, decisions }: FormatInput): Encoded {
  const whole = source.size !== undefined && head.length >= source.size;
  if (options.encoding !== undefined) {
    const encoding = encodingName(options.encoding);
    decisions.push({ what: 'encoding', value: encoding, evidence: 'told', confidence: 1 });
    return { encoding, bom: markLength(head, encoding), undecided: false };
  }
  const { value, evidence, confidence, bom, undecided } = detectEncoding(head, whole);
  decisions.push({ what: 'encoding', value, evidence, confidence });
  return { encoding: value, bom, undecided };
}

/** The decoded head: as long as it takes to hold a whole line, up to a limit. */
async function headText(input: FormatInput, encoded: Encoded): Promise<{ text: Buffer; whole: boolean }> {
  const { source } = input;
  let { head } = input;
  for (;;) {
    const whole = source.size !== undefined && head.length >= source.size;
    const text = createDecoder(encoded.encoding).decode(head.subarray(encoded.bom), whole);
    if (whole || hasLineEnd(text) || head.length >= LARGEST_HEAD) return { text, whole };
    const more = await source.head(LARGEST_HEAD);
    if (more.length === head.length) return { text, whole: true };
    head = more;
  }
}

const hasLineEnd = (text: Buffer): boolean => text.includes(LF) || text.includes(CR);

/** Whether a source whose head is blank has nothing else, told by its bytes: in UTF-16 every other byte of a blank is zero. */
async function onlyBlank({ chunks }: FormatInput['source']): Promise<boolean> {
  for await (const chunk of chunks()) {
    // Every blank and control character, and the two bytes of a mark.
    for (let i = 0; i < chunk.length; i++) if ((chunk[i] as number) > 0x20 && (chunk[i] as number) < 0xfe) return false;
  }
  return true;
}

const isBlank = (text: Buffer): boolean =>
  text.every((byte) => byte === 0x20 || byte === 0x09 || byte === LF || byte === CR);

/** Where the first row begins in the source; undefined when that is behind the head. */
async function sourceOffset(
  { head }: FormatInput,
  { encoded, layout }: Plan,
  lineBreak: number,
): Promise<number | undefined> {
  if (encoded.encoding === 'utf-8') return encoded.bom + layout.dataStart;
  const offsets = new LineOffsets(encoded.encoding, lineBreak);
  offsets.add(head);
  return layout.dataLine === 0 ? encoded.bom : offsets.offsetOf(layout.dataLine + 1);
}

function tooManyColumns({ source, limits }: FormatInput, columns: number, delimiter: string): Error {
  return formatError(
    'limit.columns',
    `${source.name} has ${columns} columns, more than ${limits.columns}: check the delimiter (${JSON.stringify(delimiter)}) or raise the limit. ` +
      `共 ${columns} 列，超过上限 ${limits.columns}`,
    { file: source.name, line: 1, columns, limit: limits.columns },
  );
}

function endlessLine({ source, limits }: FormatInput): Error {
  return formatError(
    'limit.field-bytes',
    `${source.name} line 1 does not end within ${LARGEST_HEAD} bytes: expected lines of a table; check that the file is one. ` +
      '第 1 行过长，请确认文件是表格',
    { file: source.name, line: 1, limit: limits.fieldBytes },
  );
}

function layoutWarnings({ preambleRows, mismatch }: Layout): Warning[] {
  const warnings: Warning[] = preambleWarning(preambleRows);
  if (mismatch !== undefined) {
    warnings.push(
      warning(
        'header.fields',
        `表头有 ${mismatch.header} 个名称，数据行有 ${mismatch.rows} 个字段；请核对名称与各列是否对应`,
        `the header has ${mismatch.header} names, the rows have ${mismatch.rows} fields: check that names and columns agree`,
      ),
    );
  }
  return warnings;
}
