import { nameColumns } from '../columns.js';
import { cellKind } from '../delimited/cells.js';
import { type GridLayout, type GridRow, type GridSample, gridLayout } from '../rows/grid.js';
import type { MergedRange } from './references.js';

// Titles above a table take a few rows, and so do its names.
const DEEPEST_TITLE = 60;
const MOST_HEADER_ROWS = 6;
// `填报单位：…`, `日期：…`: what stands between title and names.
const CAPTION = /^[^：:]{1,12}[：:]/;

/**
 * Finds title, header and columns of a sheet as in any grid, and takes from its merged ranges what they say for certain: a text over
 * the whole width is a title, a text over some columns names a group of them, a name over several rows tells how deep the header is.
 */
export function sheetLayout(sample: GridSample, merges: MergedRange[]): GridLayout {
  const { rows, options } = sample;
  const lastLine = rows.at(-1)?.line ?? 0;
  // What reaches further down is a group of rows, or a mistake.
  const ranges = merges.filter(({ top, bottom }) => top <= lastLine && bottom - top < MOST_HEADER_ROWS);
  if (ranges.length === 0) return gridLayout(sample);
  const shown = options.preambleRows === undefined ? withoutTitles(rows, ranges) : rows;
  const spread = { ...sample, rows: withGroups(shown, ranges, options.preambleRows ?? 0) };
  const found = gridLayout(spread);
  if (found.headerRows === 0) return found;
  const first = shown.find((row) => row.line > found.preambleRows && isFilled(row));
  if (first === undefined) return found;
  const layout = deepened(found, spread, first.line, ranges);
  const header = shown.filter((row) => row.line >= first.line && row.line <= layout.dataLine);
  return named(layout, header.slice(0, layout.headerRows), ranges);
}

const filledCells = ({ cells }: GridRow): string[] => cells.filter((cell) => /\S/.test(cell));
const isFilled = (row: GridRow): boolean => row.cells.some((cell) => /\S/.test(cell));
const isWide = ({ left, right }: MergedRange): boolean => right > left;

function startingIn(ranges: MergedRange[], { line, cells }: GridRow): MergedRange[] {
  return ranges.filter((range) => range.top === line && /\S/.test(cells[range.left] ?? ''));
}

function withoutTitles(rows: GridRow[], ranges: MergedRange[]): GridRow[] {
  const even = rows.filter((row) => filledCells(row).length > 1);
  const first = Math.min(...even.map((row) => row.cells.findIndex((cell) => /\S/.test(cell))));
  const last = Math.max(...even.map((row) => row.cells.findLastIndex((cell) => /\S/.test(cell))));
  const titles = new Set<GridRow>();
  for (const row of rows.slice(0, DEEPEST_TITLE)) {
    const filled = filledCells(row);
    const wide = startingIn(ranges, row).filter(isWide);
    const over = wide.some((range) => range.left <= first && range.right >= last);
    const captions = wide.length > 0 && filled.every((cell) => CAPTION.test(cell));
    if ((filled.length === 1 && over) || captions) titles.add(row);
    else if (filled.length > 1) break;
  }
  return titles.size < rows.length ? rows.filter((row) => !titles.has(row)) : rows;
}

/** The rows with each group's name over all its columns, as far as rows with groups stand above the names. */
function withGroups(rows: GridRow[], ranges: MergedRange[], preamble: number): GridRow[] {
  const width = Math.max(0, ...rows.map(({ cells }) => cells.length));
  const spread = [...rows];
  const start = rows.findIndex((row) => row.line > preamble && filledCells(row).length > 1);
  for (let i = start; i >= 0 && i < Math.min(rows.length, start + MOST_HEADER_ROWS); i++) {
    const row = rows[i] as GridRow;
    const groups = startingIn(ranges, row).filter(isWide);
    if (groups.length === 0) break;
    const cells = Array.from({ length: width }, (_, c) => row.cells[c] ?? '');
    for (const { left, right } of groups) cells.fill(cells[left] as string, left, Math.min(right + 1, width));
    spread[i] = { ...row, cells };
  }
  return spread;
}

/** The layout with as many header rows as the names of its first row reach down, where no value stands beside them. */
function deepened(found: GridLayout, sample: GridSample, first: number, ranges: MergedRange[]): GridLayout {
  if (sample.options.headerRows !== undefined) return found;
  const bottom = Math.max(first, ...ranges.filter(({ top }) => top === first).map((range) => range.bottom));
  const rows = sample.rows.filter((row) => row.line >= first && row.line <= bottom && isFilled(row));
  const names = rows.every((row) => filledCells(row).every((cell) => cellKind(cell) === 'text'));
  if (rows.length <= found.headerRows || rows.length > MOST_HEADER_ROWS || !names) return found;
  const options = { ...sample.options, headerRows: rows.length, preambleRows: found.preambleRows };
  const { evidence, confidence } = found;
  return {
    ...gridLayout({ ...sample, options }),
    evidence: `${evidence}; merged names take ${rows.length} rows`,
    confidence,
  };
}

/** The layout with the names that its merged header shows: each column under every group that covers it, and none that does not. */
function named(layout: GridLayout, header: GridRow[], ranges: MergedRange[]): GridLayout {
  const lines = new Set(header.map((row) => row.line));
  const own = ranges.filter((range) => lines.has(range.top));
  if (!own.some(isWide)) return layout;
  const names = Array.from({ length: layout.columns }, (_, k) => {
    const column = k + layout.indent;
    const parts: string[] = [];
    for (const { line, cells } of header) {
      const over = own.find((r) => r.left <= column && r.right >= column && r.top <= line && r.bottom >= line);
      if (over !== undefined && over.top < line) continue;
      parts.push((cells[over?.left ?? column] ?? '').replace(/\s*[\r\n]+\s*/g, ' '));
    }
    return parts.filter((part) => /\S/.test(part)).join(' ');
  });
  return { ...layout, headers: names, columnNames: nameColumns(names) };
}
