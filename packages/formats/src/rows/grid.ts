import { nameColumns, unnamedColumns } from '../columns.js';
import { rowKind } from '../delimited/footer.js';
import { findLayout, type Layout } from '../delimited/header.js';
import { createSample } from '../delimited/sample.js';
import { specOf } from '../delimited/spec.js';
import { formatError, type RowProblem } from '../errors.js';
import type { Limits } from '../limits.js';
import type { ReadOptions, SourceColumn, TableBatch, Warning } from '../types.js';
import { footerWarning, mergedWarning } from '../warnings.js';
import { RowWriter } from './writer.js';

/** A row of a sheet, or of a text of fixed width, where nothing says yet which rows are data. */
export interface GridRow {
  /** From 1. */
  line: number;
  cells: string[];
  /** Byte in the unpacked source, where a grid has one. */
  offset?: number;
  /** What its merged cells came to: values repeated downwards, ranges over several columns, and texts hidden under others. */
  merged?: { down: number; across: number; covered: number };
  /** Set when a cell could not be read. */
  problem?: { code: RowProblem; field: string };
}

export interface GridLayout extends Layout {
  /** Blank columns on the left, which are left out. */
  indent: number;
  columnNames: SourceColumn[];
}

// Rows that decide about the layout.
export const SAMPLE_ROWS = 300;
// Notes and totals at the end of a table: rows that are held back until it is known whether more follow.
const MOST_FOOTER_ROWS = 20;
// With fewer columns a lone cell is too likely to be a row.
const FEWEST_COLUMNS = 3;
const CSV = specOf({ delimiter: ',', quote: '"', escape: '"', lineEnding: 'lf' });

export interface GridSample {
  name: string;
  rows: GridRow[];
  limits: Limits;
  options: ReadOptions;
  /** How many columns there are, where that is known. */
  width?: number;
}

/** Finds title, header and columns from the first rows, by the same rules as in delimited text. */
export function gridLayout({ rows, name, limits, options, width: told }: GridSample): GridLayout {
  const filled = rows.filter((row) => row.cells.some(isFilled));
  const width = told ?? Math.max(1, ...filled.map((row) => row.cells.findLastIndex(isFilled) + 1));
  const first = Math.min(width - 1, ...filled.map((row) => row.cells.findIndex(isFilled)));
  const indent = told === undefined ? Math.max(0, first) : 0;
  const columns = width - indent;
  if (columns > limits.columns) throw tooManyColumns(name, columns, limits.columns);
  const sample = createSample(Buffer.from(asText(filled, indent, columns)), true, false);
  const layout = findLayout(sample, CSV, columns, options);
  const columnNames = layout.headers === undefined ? unnamedColumns(columns) : nameColumns(layout.headers);
  return { ...layout, columns, indent, columnNames };
}

const isFilled = (cell: string | undefined): boolean => cell !== undefined && /\S/.test(cell);

/** The rows as text of one line each, each on the line it has in the source. */
function asText(rows: GridRow[], indent: number, columns: number): string {
  let text = '';
  let line = 1;
  for (const row of rows) {
    text += '\n'.repeat(Math.max(0, row.line - line));
    const cells = Array.from({ length: columns }, (_, k) => row.cells[k + indent] ?? '');
    text += cells.map((cell) => `"${cell.replace(/[\r\n]+/g, ' ').replaceAll('"', '""')}"`).join(',');
    line = row.line;
  }
  return `${text}\n`;
}

export interface GridReading {
  name: string;
  layout: GridLayout;
  limits: Limits;
  encoding: string;
  warnings: Warning[];
  /** What the source calls a cell; columns count from 0, as in its rows. */
  fieldOf?: (column: number, line: number) => string;
}

/** Writes the rows below the header, without blank ones and what stands at the end as notes and totals. */
export async function* readGrid(
  steps: AsyncIterable<GridRow[]>,
  { name, layout, limits, encoding, warnings, fieldOf }: GridReading,
): AsyncGenerator<TableBatch> {
  const { columns, indent, dataLine, columnNames } = layout;
  const writer = new RowWriter({
    name,
    columns,
    limits,
    encoding,
    fieldOf: fieldOf && ((column, line) => fieldOf(column + indent, line)),
  });
  const merged = { down: 0, across: 0, covered: 0 };
  const header = columnNames.map((column) => column.source.trim()).join('\0');
  let held: GridRow[] = [];
  const release = (): void => {
    for (const row of held) write(row);
    held = [];
  };
  const write = (row: GridRow): void => {
    const cells = row.cells.slice(indent);
    const outside = row.cells.findIndex((cell, k) => (k < indent || k >= indent + columns) && isFilled(cell));
    merged.down += row.merged?.down ?? 0;
    merged.across += row.merged?.across ?? 0;
    merged.covered += row.merged?.covered ?? 0;
    if (row.problem !== undefined) writer.reject(row.problem.code, row, cells, row.problem.field);
    else if (outside >= 0) writer.reject('row.fields', row, row.cells, fieldOf?.(outside, row.line));
    else if (columns >= FEWEST_COLUMNS && cells.map((cell) => cell.trim()).join('\0') === header) {
      writer.reject('row.header-repeated', row, cells);
    } else writer.write(cells, row);
  };
  for await (const rows of steps) {
    for (const row of rows) {
      if (row.line <= dataLine || (row.problem === undefined && !row.cells.some(isFilled))) continue;
      const kind =
        columns < FEWEST_COLUMNS || row.problem ? 'row' : rowKind(fitted(row.cells.slice(indent), columns), columns);
      if (kind === 'row' || held.length >= MOST_FOOTER_ROWS) release();
      if (kind === 'row') write(row);
      else held.push(row);
    }
    yield* writer.take();
  }
  const [first] = held;
  if (first !== undefined && writer.rows === 0) release();
  else if (first !== undefined) {
    warnings.push(footerWarning(first.line, held.length));
  }
  warnings.push(...mergedWarning(merged));
  yield* writer.finish();
}

const fitted = (cells: string[], columns: number): string[] =>
  Array.from({ length: Math.max(columns, cells.length) }, (_, k) => cells[k] ?? '');

const tooManyColumns = (name: string, columns: number, limit: number): Error =>
  formatError(
    'limit.columns',
    `${name} has ${columns} columns, more than ${limit}: check that it is one table, or raise the limit. 共 ${columns} 列，超过上限 ${limit}`,
    { file: name, columns, limit },
  );
