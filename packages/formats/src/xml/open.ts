import { nameColumns } from '../columns.js';
import { encodingName } from '../encoding/decode.js';
import { detectEncoding, ONLY_ASCII } from '../encoding/detect.js';
import { emptySource, formatError } from '../errors.js';
import { noDialect } from '../rows/no-dialect.js';
import { RowWriter } from '../rows/writer.js';
import type { FormatInput, TableBatch, TableReader, Warning } from '../types.js';
import { othersWarning } from '../warnings.js';
import { feedXml, type XmlText } from './feed.js';
import { type Columns, XmlRecordReader } from './records.js';
import { chooseRecords, type Place, pathText, type XmlRecords, XmlSurvey } from './survey.js';

const MOST_OTHERS = 5;
// Paths that a message names.
const MOST_SHOWN = 10;

/**
 * Opens XML as its one table: the elements that repeat, or those at `recordPath`. Attributes and child elements become columns;
 * elements that hold others or repeat become JSON text. Reads the source once to find the records and all their parts.
 */
export async function openXml(input: FormatInput): Promise<TableReader[]> {
  const { source, limits, options, decisions } = input;
  const text: XmlText = { name: source.name, chunks: () => source.chunks(), encoding: chooseEncoding(input), limits };
  const survey = new XmlSurvey(limits);
  for await (const _ of feedXml(text, survey)) if (survey.overflow) throw tooManyColumns(source.name, limits.columns);
  const records = chooseRecords(survey, options.recordPath);
  if (records === undefined) throw missing(source.name, options.recordPath ?? '', survey);
  const { place, evidence, confidence } = records;
  if (place.count < 2 && !place.text && place.children.size + place.attributes.size === 0)
    throw emptySource(source.name);
  decisions.push({ what: 'records', value: pathText(place), evidence, confidence });
  const { columns, headers } = columnsOf(place);
  if (headers.length > limits.columns) throw tooManyColumns(source.name, limits.columns);
  const named = nameColumns(headers.map((header) => header.label)).map(({ name }, k) => ({
    name,
    source: headers[k]?.source ?? '',
  }));
  return [
    {
      name: source.name,
      format: 'xml',
      encoding: text.encoding,
      dialect: noDialect(),
      columns: named,
      decisions,
      warnings: unreadWarning(records),
      batches: (signal) => readRecords(text, place, columns, source.size, signal),
    },
  ];
}

async function* readRecords(
  text: XmlText,
  place: Place,
  columns: Columns,
  sizeHint: number | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<TableBatch> {
  const { name, limits, encoding } = text;
  const writer = new RowWriter({ name, columns: columns.size, limits, encoding, sizeHint });
  for await (const _ of feedXml(text, new XmlRecordReader(place.path, columns, writer), signal)) yield* writer.take();
  yield* writer.finish();
}

interface Header {
  label: string;
  source: string;
}

function columnsOf(place: Place): { columns: Columns; headers: Header[] } {
  const columns: Columns = new Map();
  const headers: Header[] = [];
  const add = (key: string, label: string): void => {
    columns.set(key, headers.push({ label, source: key }) - 1);
  };
  for (const attribute of place.attributes) add(`@${attribute}`, attribute);
  for (const [name, child] of place.children) {
    add(name, name);
    for (const attribute of child.attributes) add(`${name}@${attribute}`, `${name}@${attribute}`);
  }
  if (place.text) add('', place.children.size + place.attributes.size === 0 ? (place.path.at(-1) ?? '') : 'text');
  // An empty element that repeats is still a row.
  if (headers.length === 0) add('', place.path.at(-1) ?? '');
  return { columns, headers };
}

const DECLARED = /^[^<]*<\?xml[^>]*\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']/;

/** What was told, a byte order mark, what the declaration says where the bytes agree, or what the bytes look like. */
function chooseEncoding({ head, options, source, decisions }: FormatInput): string {
  if (options.encoding !== undefined) {
    const value = encodingName(options.encoding);
    decisions.push({ what: 'encoding', value, evidence: 'told', confidence: 1 });
    return value;
  }
  const found = detectEncoding(head, source.size !== undefined && head.length >= source.size);
  const declared = declaredEncoding(head);
  const wide = found.value.startsWith('utf-16');
  // Exports that were converted later still declare what they once were, and programs declare UTF-8 whatever they write: bytes that
  // tell are believed before the declaration.
  const told = declared === 'utf-8' ? found.value === 'utf-8' : found.value !== 'utf-8';
  const believed = declared !== undefined && !wide && (found.undecided || told || found.evidence === ONLY_ASCII);
  const value = believed ? declared : found.value;
  const chosen = value.startsWith('utf-16') && !wide ? 'utf-8' : value;
  decisions.push({
    what: 'encoding',
    value: chosen,
    evidence: believed ? 'its declaration' : found.evidence,
    confidence: believed ? 0.95 : found.confidence,
  });
  return chosen;
}

/** The encoding that the declaration names, where it is one. */
function declaredEncoding(head: Buffer): string | undefined {
  const label = DECLARED.exec(head.subarray(0, 1024).toString('latin1').replaceAll('\0', ''))?.[1];
  try {
    return label === undefined ? undefined : encodingName(label);
  } catch {
    return undefined;
  }
}

function missing(name: string, told: string, survey: XmlSurvey): Error {
  const found = chooseRecords(survey, undefined);
  const places = found === undefined ? [] : [found.place, ...found.others].slice(0, MOST_SHOWN);
  const shown = places.map((place) => JSON.stringify(pathText(place))).join(', ');
  return formatError(
    'records.missing',
    `${name} has no element at ${JSON.stringify(told)}; records may be at ${shown}: name one of them in recordPath. ` +
      `没有找到记录，recordPath 可为：${shown}`,
    { file: name },
  );
}

const tooManyColumns = (name: string, limit: number): Error =>
  formatError(
    'limit.columns',
    `${name} has more than ${limit} different elements or attributes in a record: check recordPath, or raise the limit. 字段过多，超过上限 ${limit}`,
    { file: name, limit },
  );

function unreadWarning({ others }: XmlRecords): Warning[] {
  if (others.length === 0) return [];
  const paths = others.slice(0, MOST_OTHERS).map((place) => `${pathText(place)} (${place.count})`);
  return [othersWarning(paths)];
}
