import { writeFile } from 'node:fs/promises';
import { type Column, SonghuaError, type TableSchema } from '@songhua/domain';
import { unzipSync, zipSync } from 'fflate';
import type { Session } from '../engine.js';
import { ident, literal } from '../sql.js';
import { countRows, shown } from './rows.js';

type Cell = import('write-excel-file/node', { with: { 'resolution-mode': 'import' }}).Cell;

// The workbook is built in memory; beyond this people want the CSV anyway.
export const MAX_XLSX_CELLS = 1_000_000;
// Spreadsheets keep 15 significant digits, so longer integers are text.
const MAX_EXACT = 10n ** 15n;
// ZIP's earliest date, so that the same rows give the same bytes.
const MTIME = new Date(1980, 0, 1);

/** Text that a spreadsheet would run as a formula, made harmless by a leading apostrophe; only here, never in stored data. */
export const neutralized = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);

function toCell({ type }: Column, value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') {
    const exact = value < MAX_EXACT && value > -MAX_EXACT;
    return exact ? { type: Number, value: Number(value) } : { type: String, value: String(value) };
  }
  if (typeof value === 'boolean') return { type: Boolean, value };
  const text = String(value);
  if (type === 'decimal' && text.replace(/[-.]/g, '').length <= 15) return { type: Number, value: Number(text) };
  return { type: String, value: type === 'string' || type === 'json' ? neutralized(text) : text };
}

// The library's types are of an ES module, which CommonJS may only import so; it also loads only where workbooks are made.
const library = () => import('write-excel-file/node');

/** Writes a small version file as a workbook with one sheet; throws `render.too-large` for a large one. */
export async function renderXlsx(
  session: Session,
  { parquet, schema, out }: { parquet: string; schema: TableSchema; out: string },
): Promise<void> {
  const rows = await countRows(session, parquet);
  if (rows * schema.columns.length > MAX_XLSX_CELLS) {
    throw new SonghuaError(
      'render.too-large',
      `A workbook holds at most ${MAX_XLSX_CELLS} cells, this version has ${rows} rows of ${schema.columns.length}; download the CSV or Parquet file`,
      { actor: 'department', details: { rows, columns: schema.columns.length } },
    );
  }
  const values = schema.columns.map((column) => shown(column, ident(column.name))).join(', ');
  const sheet: Cell[][] = [
    schema.columns.map(({ name }) => ({ type: String, value: neutralized(name), fontWeight: 'bold' })),
  ];
  for await (const chunk of session.columns(`SELECT ${values} FROM read_parquet(${literal(parquet)})`)) {
    const length = chunk[0]?.length ?? 0;
    for (let i = 0; i < length; i++) sheet.push(schema.columns.map((column, c) => toCell(column, chunk[c]?.[i])));
  }
  const { default: writeXlsxFile } = await library();
  const workbook = await writeXlsxFile(sheet).toBuffer();
  await writeFile(out, zipSync(unzipSync(workbook), { mtime: MTIME }));
}
