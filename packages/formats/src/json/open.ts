import { nameColumns } from '../columns.js';
import { cellKind } from '../delimited/cells.js';
import { encodingName } from '../encoding/decode.js';
import { detectEncoding, markLength } from '../encoding/detect.js';
import { emptySource, formatError } from '../errors.js';
import { noDialect } from '../rows/no-dialect.js';
import { type RowPlace, RowWriter } from '../rows/writer.js';
import type { FormatInput, SourceColumn, TableBatch, TableReader, Warning } from '../types.js';
import { othersWarning } from '../warnings.js';
import { chooseRecords, pathText, type Records } from './choose.js';
import { feed, type JsonText } from './feed.js';
import { RecordReader } from './records.js';
import { Survey } from './survey.js';
import { Tokenizer } from './tokens.js';

interface Columns {
  columns: SourceColumn[];
  /** `.key` → column, and '' → the column of a map's own keys. */
  byKey: Map<string, number>;
  lists: boolean;
  headerRows: number;
}

const MOST_OTHERS = 5;

/**
 * Opens JSON as its one table: a list at the root or anywhere below, a map of objects, or values after each other (NDJSON). Reads
 * the source once to find the records and all their keys. Values inside values become their JSON text; digits stay as they are.
 */
export async function openJson(input: FormatInput): Promise<TableReader[]> {
  const { source, limits, options, decisions } = input;
  const text: JsonText = { source, limits, encoding: chooseEncoding(input), lines: isLines(input) };
  const survey = new Survey(limits.columns + 1);
  const surveyor = new Tokenizer(source.name, limits, survey);
  for await (const _ of feed(text, { tokenizer: surveyor, badLine: () => survey.abandon() }));
  if (survey.isEmpty && !text.lines) throw emptySource(source.name);
  const records = chooseRecords(survey, source.name, options.recordPath, text.lines);
  decisions.push({
    what: 'records',
    value: records.mode === 'stream' ? 'one value after the other' : pathText(records.place.path) || '/',
    evidence: records.evidence,
    confidence: records.confidence,
  });
  const found = columnsOf(records, input);
  const warnings: Warning[] = unreadWarning(records);
  return [
    {
      name: source.name,
      format: text.lines ? 'ndjson' : 'json',
      encoding: text.encoding.encoding,
      dialect: noDialect(found.headerRows),
      columns: found.columns,
      decisions,
      warnings,
      batches: (signal) => readRecords(text, records, found, signal),
    },
  ];
}

async function* readRecords(
  text: JsonText,
  records: Records,
  { columns, byKey, lists, headerRows }: Columns,
  signal: AbortSignal | undefined,
): AsyncGenerator<TableBatch> {
  const { source, limits } = text;
  const { encoding } = text.encoding;
  const fieldOf = (column: number): string | undefined => columns[column]?.name;
  const { size: sizeHint, name } = source;
  const writer = new RowWriter({ name, columns: columns.length, limits, encoding, sizeHint, fieldOf });
  let offsetOf = (): number | undefined => undefined;
  const place = (): RowPlace => ({ line: tokenizer.line, offset: offsetOf() });
  const handler = new RecordReader({
    name: source.name,
    records,
    columns: byKey,
    width: columns.length,
    lists,
    skip: headerRows,
    limits,
    writer,
    place,
  });
  const tokenizer: Tokenizer = new Tokenizer(source.name, limits, handler);
  const badLine = (raw: string): void => {
    handler.abandon();
    writer.reject('row.json', place(), raw);
  };
  const placed = (find: typeof offsetOf): void => {
    offsetOf = find;
  };
  for await (const _ of feed(text, { tokenizer, badLine, placed, signal })) yield* writer.take();
  yield* writer.finish();
}

function columnsOf({ place, mode }: Records, { source, limits, options }: FormatInput): Columns {
  const byKey = new Map<string, number>();
  const lists = mode !== 'single' && mode !== 'map' && place.objects === 0 && place.arrays > 0;
  const headers: string[] = [];
  let headerRows = 0;
  if (lists) {
    const names = place.names ?? [];
    const named = names.length === place.widest && new Set(names).size === names.length;
    headerRows = options.headerRows ?? (named && names.every((n) => cellKind(n) === 'text') ? 1 : 0);
    for (let k = 0; k < Math.min(place.widest, limits.columns + 1); k++)
      headers.push(headerRows === 1 ? (names[k] ?? '') : '');
  } else {
    if (mode === 'map') {
      byKey.set('', 0);
      headers.push('key');
    }
    for (const key of mode === 'single' ? place.own : place.keys) byKey.set(`.${key}`, headers.push(key) - 1);
    if (headers.length === 0 && place.scalars > 0) headers.push('value');
  }
  if (headers.length > limits.columns || place.overflow || place.widest > limits.columns) {
    throw formatError(
      'limit.columns',
      `${source.name} has more than ${limits.columns} different keys: check that the records are a list, or raise the limit. 字段过多，超过上限 ${limits.columns}`,
      { file: source.name, limit: limits.columns },
    );
  }
  return { columns: nameColumns(headers), byKey, lists, headerRows };
}

function chooseEncoding({ head, options, source, decisions }: FormatInput): JsonText['encoding'] {
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

// Enough lines to tell NDJSON from a document that is broken over lines.
const LINES = 20;

/** Whether most of the first whole lines are objects or lists by themselves, and there are two at least. */
function isLines({ head, source }: FormatInput): boolean {
  const whole = source.size !== undefined && head.length >= source.size;
  const lines = head.toString('latin1').replaceAll('\0', '').split('\n');
  if (!whole) lines.pop();
  const first = lines
    .map((line) => line.trim().replace(/^(\xef\xbb\xbf|\xff\xfe|\xfe\xff)/, ''))
    .filter((line) => line !== '')
    .slice(0, LINES);
  const values = first.filter((line) => /^[{[]/.test(line) && /[}\]]$/.test(line) && isJson(line));
  return first.length > 1 && values.length > first.length / 2;
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function unreadWarning({ others }: Records): Warning[] {
  if (others.length === 0) return [];
  const paths = others.slice(0, MOST_OTHERS).map((place) => `${pathText(place.path)} (${place.objects})`);
  return [othersWarning(paths)];
}
