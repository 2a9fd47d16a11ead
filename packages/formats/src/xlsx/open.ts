import { listZip } from '../container/zip.js';
import { emptySource, formatError } from '../errors.js';
import { throwIfAborted } from '../rows/aborted.js';
import { type GridLayout, type GridRow, readGrid, SAMPLE_ROWS } from '../rows/grid.js';
import { noDialect } from '../rows/no-dialect.js';
import type { ByteSource, FormatInput, TableBatch, TableReader, Warning } from '../types.js';
import { preambleWarning, warning } from '../warnings.js';
import { MergedRows } from './fill.js';
import { sheetLayout } from './header.js';
import { createMergeReader } from './merges.js';
import { type Package, streamPart } from './parts.js';
import { type MergedRange, referenceOf } from './references.js';
import { SheetReader } from './sheet.js';
import { readSharedStrings } from './strings.js';
import { readStyles } from './styles.js';
import { readWorkbook, type Sheet, type Workbook } from './workbook.js';

/**
 * Opens an XLSX workbook: every visible sheet that has text is a table, named `<workbook>.<sheet>` where there are several. Cells are
 * what the sheet shows of them: texts, the results of formulas, dates and times in ISO form, numbers with the digits stored.
 */
export async function openXlsx(input: FormatInput): Promise<TableReader[]> {
  const { source, decisions } = input;
  return withPackage(input, async (file) => {
    const workbook = await readWorkbook(file);
    const visible = workbook.sheets.filter((sheet) => !sheet.hidden);
    const hidden = hiddenWarning(workbook.sheets.filter((sheet) => sheet.hidden));
    if (visible.length === 0) throw allHidden(source.name);
    const found: FoundSheet[] = [];
    const merges = createMergeReader(file);
    const open = await createSheets(file, workbook);
    for (const sheet of visible) {
      const sample = await firstRows(open(sheet));
      if (sample.length > 0) found.push({ sheet, sample, merges: await merges(sheet.part) });
    }
    if (found.length === 0) throw emptySource(source.name);
    return found.map((sheet) => {
      const name = found.length === 1 ? source.name : `${source.name}.${sheet.sheet.name}`;
      return sheetTable({ ...sheet, input: { ...input, decisions: [...decisions] }, name, warnings: [...hidden] });
    });
  });
}

interface FoundSheet {
  sheet: Sheet;
  sample: GridRow[];
  merges: MergedRange[];
}

interface SheetTable extends FoundSheet {
  input: FormatInput;
  name: string;
  warnings: Warning[];
}

function sheetTable(table: SheetTable): TableReader {
  const { input, name, warnings, merges } = table;
  const layout = sheetLayout({ rows: table.sample, name, limits: input.limits, options: input.options }, merges);
  warnings.push(...preambleWarning(layout.preambleRows));
  input.decisions.push({
    what: 'header',
    value: `${layout.headerRows} row(s) after ${layout.preambleRows} line(s)`,
    evidence: layout.evidence,
    confidence: layout.confidence,
  });
  return {
    name,
    format: 'xlsx',
    encoding: 'utf-8',
    dialect: noDialect(layout.headerRows, layout.preambleRows),
    columns: layout.columnNames,
    decisions: input.decisions,
    warnings,
    batches: (signal) => readSheet(table, layout, signal),
  };
}

async function* readSheet(
  { input, sheet, merges, name, warnings }: SheetTable,
  layout: GridLayout,
  signal: AbortSignal | undefined,
): AsyncGenerator<TableBatch> {
  const copy = await input.source.local();
  try {
    const file = await packageAt(copy.path, input.source, input);
    const open = await createSheets(file, await readWorkbook(file));
    throwIfAborted(name, signal);
    const rows = open(sheet, signal);
    const merged = new MergedRows(merges, layout.dataLine, layout.indent + layout.columns);
    const reading = { name, layout, limits: input.limits, encoding: 'utf-8', warnings, fieldOf: referenceOf };
    yield* readGrid(shown(rows.steps, merged), reading);
    warnings.push(...precisionWarning(rows.reader.imprecise));
  } finally {
    await copy.release();
  }
}

async function* shown(steps: AsyncIterable<GridRow[]>, merged: MergedRows): AsyncGenerator<GridRow[]> {
  for await (const rows of steps) yield rows.map((row) => merged.shown(row)).filter((row) => row !== undefined);
}

interface SheetRows {
  reader: SheetReader;
  steps: AsyncGenerator<GridRow[]>;
}

/** How the sheets of a workbook are read, with its texts and styles at hand. */
async function createSheets(
  file: Package,
  workbook: Workbook,
): Promise<(sheet: Sheet, signal?: AbortSignal) => SheetRows> {
  const strings = await readSharedStrings(file, workbook.sharedStrings);
  const styles = await readStyles(file, workbook.styles);
  const context = { strings, styles, date1904: workbook.date1904, columns: file.limits.columns };
  return (sheet, signal) => {
    const reader = new SheetReader({ ...context, name: `${file.name} (${sheet.name})` });
    async function* steps(): AsyncGenerator<GridRow[]> {
      for await (const _ of streamPart(file, sheet.part, reader, signal)) {
        const rows = reader.take();
        yield rows;
      }
    }
    return { reader, steps: steps() };
  };
}

// A step is 64 kB of a sheet; formats may go on for a million rows below the last one that has text.
const MOST_BLANK_STEPS = 64;

async function firstRows({ steps }: SheetRows): Promise<GridRow[]> {
  const rows: GridRow[] = [];
  let blank = 0;
  for await (const more of steps) {
    const filled = more.filter((row) => row.cells.some((cell) => /\S/.test(cell)));
    rows.push(...filled);
    blank = filled.length > 0 ? 0 : blank + 1;
    if (rows.length >= SAMPLE_ROWS || (rows.length > 0 && blank > MOST_BLANK_STEPS)) break;
  }
  return rows.slice(0, SAMPLE_ROWS);
}

async function withPackage<T>(input: FormatInput, use: (file: Package) => Promise<T>): Promise<T> {
  const copy = await input.source.local();
  try {
    return await use(await packageAt(copy.path, input.source, input));
  } finally {
    await copy.release();
  }
}

const packageAt = async (path: string, { name }: ByteSource, { limits, clock }: FormatInput): Promise<Package> => ({
  name,
  path,
  limits,
  clock,
  listing: await listZip(path, name, limits),
});

const hiddenWarning = (sheets: Sheet[]): Warning[] =>
  sheets.map(({ name }) => {
    const quoted = JSON.stringify(name);
    return warning(
      'sheet.hidden',
      `工作表 ${quoted} 已隐藏，未读取；如需读取，请取消隐藏`,
      `sheet ${quoted} is hidden and was not read; show it to have it read`,
    );
  });

const precisionWarning = (count: number): Warning[] =>
  count === 0
    ? []
    : [
        warning(
          'cells.precision',
          `${count} 个数字达到 16 位以上，电子表格只保留前 15 位；证件号等编号请存为文本`,
          `${count} number(s) have 16 digits or more, of which a spreadsheet keeps 15: store identifiers as text`,
        ),
      ];

const allHidden = (name: string): Error =>
  formatError('source.empty', `${name} has no visible sheet: show the sheet with the data. 工作表全部隐藏`, {
    file: name,
  });
