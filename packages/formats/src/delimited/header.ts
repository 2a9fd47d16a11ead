import { BLANK_WORD, type CellKind, cellKind } from './cells.js';
import { readCells, readRecords, type Sample, type SampleRecord } from './sample.js';
import { type ColumnShape, columnShapes } from './shape.js';
import type { Spec } from './spec.js';

export interface HeaderHints {
  headerRows?: number | undefined;
  preambleRows?: number | undefined;
}

export interface Layout {
  /** Fields of every row. */
  columns: number;
  /** One text a column, joined over the header's rows; undefined without a header. */
  headers: string[] | undefined;
  headerRows: number;
  /** Physical lines before the header. */
  preambleRows: number;
  /** Where the rows begin: byte in the sample's text, and physical line from 0. */
  dataStart: number;
  dataLine: number;
  /** The header's own bytes when it is one plain record, to find its repetitions. */
  headerBytes: Buffer | undefined;
  /** Set when the header's fields did not match the rows'. */
  mismatch: { header: number; rows: number } | undefined;
  /** What each column holds, where enough rows tell. */
  shapes: ColumnShape[] | undefined;
  evidence: string;
  confidence: number;
}

// Records that decide; a header is never decided by one row alone where there are more.
const RECORDS = 120;
const DEEPEST_PREAMBLE = 60;
const MOST_HEADER_ROWS = 6;
// A column is of a kind when seven of ten of its cells are: the rest may be units, totals and dirt.
const KIND_SHARE = 0.7;
// Units stand in parentheses below the names.
const UNIT = /^[（(【[].{1,12}[)）】\]]$/;
// In two columns a row with one cell is a row.
const FEWEST_TITLED = 3;
// Names in two columns repeat as data too easily.
const FEWEST_REPEATABLE = 3;

/** Finds preamble, header rows and first data row of the head of a file. */
export function findLayout(sample: Sample, spec: Spec, commonColumns: number, hints: HeaderHints): Layout {
  const records = readRecords(sample, spec, RECORDS);
  const rowsOf = (r: SampleRecord): string[] => readCells(sample, r, spec, commonColumns);
  const first = firstTableRecord(records, rowsOf, commonColumns, hints);
  const head = records[first];
  if (head === undefined) return emptyLayout(sample, commonColumns);
  const rest = records.slice(first + 1, first + 61).map(rowsOf);
  const kinds = columnKinds(belowNames(rest), commonColumns);
  const verdict =
    hints.headerRows !== undefined
      ? { rows: hints.headerRows, evidence: 'told', confidence: 1 }
      : headerRows(rowsOf(head), rest, kinds, commonColumns);
  const headerRecords = records.slice(first, first + verdict.rows);
  const data = records[first + verdict.rows];
  const lastHeader = headerRecords.at(-1);
  const headerCells = headerRecords.map(rowsOf);
  const columns =
    verdict.rows === 0 ? commonColumns : fieldsOfRows(headerCells, records.slice(first + verdict.rows), commonColumns);
  const joined = verdict.rows === 0 ? undefined : joinHeaders(headerCells, columns);
  const plain = verdict.rows === 1 && head.count === columns && columns >= FEWEST_REPEATABLE;
  return {
    columns,
    headers: joined?.headers,
    headerRows: headerRecords.length,
    preambleRows: hints.preambleRows ?? head.line,
    dataStart: data?.start ?? lastHeader?.next ?? head.start,
    dataLine: data?.line ?? (lastHeader ? lastHeader.line + lastHeader.lines : head.line),
    headerBytes: plain ? Buffer.from(sample.text.subarray(head.start, head.contentEnd)) : undefined,
    mismatch: joined !== undefined && joined.found !== columns ? { header: joined.found, rows: columns } : undefined,
    shapes: columnShapes(verdict.rows === 0 ? [rowsOf(head), ...rest] : rest.slice(verdict.rows - 1), columns),
    evidence: verdict.evidence,
    confidence: verdict.confidence,
  };
}

const emptyLayout = (sample: Sample, columns: number): Layout => ({
  columns,
  headers: undefined,
  headerRows: 0,
  preambleRows: 0,
  dataStart: sample.end,
  dataLine: 0,
  headerBytes: undefined,
  mismatch: undefined,
  shapes: undefined,
  evidence: 'no record',
  confidence: 1,
});

/** Passes titles and notes: records with too few fields, or with all but one or two of them blank. */
function firstTableRecord(
  records: SampleRecord[],
  cellsOf: (r: SampleRecord) => string[],
  columns: number,
  hints: HeaderHints,
): number {
  if (hints.preambleRows !== undefined) {
    const { preambleRows } = hints;
    const at = records.findIndex((r) => r.line >= preambleRows);
    return at < 0 ? records.length : at;
  }
  if (columns < 2) return 0;
  for (let i = 0; i < Math.min(records.length, DEEPEST_PREAMBLE); i++) {
    const cells = cellsOf(records[i] as SampleRecord);
    if (cells.length >= Math.max(2, columns * 0.6) && !isTitle(cells, columns)) return i;
  }
  return 0;
}

/** A record of which little but text is filled: a title or note that was exported with the delimiters of a row. */
function isTitle(cells: string[], columns: number): boolean {
  const filled = cells.filter((cell) => cell.trim() !== '');
  if (columns < FEWEST_TITLED || filled.length > Math.max(1, columns / 4)) return false;
  return filled.every((cell) => cellKind(cell) === 'text');
}

/** The rows from the first with a value on: in a short table further rows of names and units would hide what its columns hold. */
function belowNames(rows: string[][]): string[][] {
  const isNames = (row: string[]): boolean => row.every((cell) => ['text', 'empty'].includes(cellKind(cell)));
  const first = rows.findIndex((row) => !isNames(row));
  return first > 0 && first < MOST_HEADER_ROWS ? rows.slice(first) : rows;
}

/** The kind of each column below a possible header, where it has one. */
function columnKinds(rows: string[][], columns: number): (CellKind | undefined)[] {
  const even = rows.filter((row) => row.length === columns);
  return Array.from({ length: columns }, (_, c) => {
    const counts = new Map<CellKind, number>();
    let total = 0;
    for (const row of even) {
      const cell = row[c] as string;
      const kind = cellKind(cell);
      if (kind === 'empty' || BLANK_WORD.test(cell.trim()) || UNIT.test(cell.trim())) continue;
      total++;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    for (const [kind, n] of counts) if (kind !== 'text' && n >= total * KIND_SHARE) return kind;
    return undefined;
  });
}

function headerRows(
  first: string[],
  rest: string[][],
  kinds: (CellKind | undefined)[],
  columns: number,
): { rows: number; evidence: string; confidence: number } {
  let pro = 0;
  let con = 0;
  for (let c = 0; c < first.length; c++) {
    const kind = kinds[c];
    const cell = (first[c] as string).trim();
    if (kind === undefined || cell === '') continue;
    const own = cellKind(cell);
    if (own === kind && !isYearTitle(cell, rest, c)) con++;
    else if (own === 'text' || (own === 'code' && kind !== 'code')) pro++;
  }
  if (con > pro || (pro === 0 && con > 0))
    return { rows: 0, evidence: `the first row has the kinds of the rows below in ${con} column(s)`, confidence: 0.9 };
  if (pro === 0 && !looksLikeNames(first, rest, columns)) {
    return { rows: 0, evidence: 'the first row does not look like names', confidence: 0.6 };
  }
  let rows = 1;
  while (rows < MOST_HEADER_ROWS && rows <= rest.length && continuesHeader(rest[rows - 1] as string[], first, kinds))
    rows++;
  const evidence = pro > 0 ? `the first row is text above typed columns (${pro})` : 'the first row looks like names';
  return { rows, evidence: rows > 1 ? `${evidence}; ${rows} rows` : evidence, confidence: pro > 0 ? 0.95 : 0.7 };
}

/** A year over a column whose cells are not years names it. */
function isYearTitle(cell: string, rest: string[][], column: number): boolean {
  const year = /^(19|20)\d\d年?$/;
  return year.test(cell) && !rest.some((row) => year.test((row[column] ?? '').trim()));
}

/** For tables of text only: names are present, distinct, and do not come back as values of their column. */
function looksLikeNames(first: string[], rest: string[][], columns: number): boolean {
  const filled = first.map((cell) => cell.trim()).filter((cell) => cell !== '');
  if (filled.length === 0 || filled.length < columns / 2) return false;
  if (filled.some((cell) => ['number', 'date', 'time'].includes(cellKind(cell)))) return false;
  if (columns === 1) return rest.length > 0 ? !rest.some((row) => row[0] === first[0]) : true;
  return !rest.some((row) =>
    row.some((cell, c) => cell !== '' && cell === first[c] && row.join('\u0000') !== first.join('\u0000')),
  );
}

/** A further header row: the first again, or text over every typed column that it fills, of which there are two at least. */
function continuesHeader(row: string[], first: string[], kinds: (CellKind | undefined)[]): boolean {
  if (row.length === first.length && row.every((cell, c) => cell === first[c])) return true;
  // Cells of a row with too few or too many stand under other columns: any value makes it data.
  if (row.length !== first.length && row.some((cell) => ['number', 'date', 'time'].includes(cellKind(cell))))
    return false;
  let typed = 0;
  let text = 0;
  kinds.forEach((kind, c) => {
    const cell = (row[c] ?? '').trim();
    if (kind === undefined || cell === '') return;
    if (BLANK_WORD.test(cell) || cellKind(cell) !== 'text') typed++;
    else text++;
  });
  return typed === 0 && text >= 2;
}

/** How many fields rows have: the header's count where a fair part of the rows agrees, otherwise what most rows have. */
function fieldsOfRows(headers: string[][], rows: SampleRecord[], common: number): number {
  const width = headers.at(-1)?.length ?? common;
  if (rows.length === 0) return width;
  const agreeing = rows.filter((r) => r.count === width).length;
  return agreeing >= rows.length * 0.3 ? width : common;
}

/**
 * Joins header rows by column; a blank in an upper row continues the cell to its left, as merged cells are exported, up to where a
 * cell above begins a group of its own.
 */
function joinHeaders(rows: string[][], columns: number): { headers: string[]; found: number } {
  const fitted = rows.map((row) => fit(row, columns));
  const filled = fitted.map((row, r) => (r === fitted.length - 1 ? row : fillRight(row, fitted.slice(0, r))));
  const headers = Array.from({ length: columns }, (_, c) =>
    filled
      .map((row) => row[c] ?? '')
      .filter((cell) => cell.trim() !== '')
      .join(' '),
  );
  const last = rows.at(-1) ?? [];
  return { headers, found: last.length - blanks(last) === columns ? columns : last.length };
}

const blanks = (row: string[]): number => row.filter((cell) => cell.trim() === '').length;

/** Drops blank cells from a header that has too many cells, when they are exactly what is too many. */
function fit(row: string[], columns: number): string[] {
  return row.length > columns && row.length - blanks(row) === columns ? row.filter((cell) => cell.trim() !== '') : row;
}

function fillRight(row: string[], above: string[][]): string[] {
  let left = '';
  return row.map((cell, c) => {
    if (cell.trim() !== '' || above.some((upper) => (upper[c] ?? '').trim() !== '')) left = cell;
    return left;
  });
}
