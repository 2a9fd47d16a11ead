import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { City, DatasetTruth } from '@songhua/city';
import type { ColumnType } from '@songhua/domain';
import { parse } from 'csv-parse/sync';
import { jsonRecords, xlsxRecords, xmlRecords } from './read-formats.js';

/** What an independent reader of the files finds, by the rules that the truth is told by. */
export interface Found {
  sourceRows: number;
  rejected: { total: number; ragged: number; type: number; required: number; duplicate: number };
  deduplicated: number;
  /** Values of the published rows in the dataset's column order; by key where there is one. */
  rows: Map<string, string>;
  published: number;
}

const BLANKS = new Set(['', '空', '无', 'N/A', '-']);

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('gb18030', { fatal: true }).decode(bytes);
  }
}

/** The records of a file, header first. */
export function records(bytes: Buffer, file = '.csv'): string[][] {
  if (file.endsWith('.xlsx')) return xlsxRecords(bytes);
  const text = decode(bytes);
  if (file.endsWith('.json')) return jsonRecords(text);
  if (file.endsWith('.xml')) return xmlRecords(text);
  const header = text.slice(0, text.search(/[\r\n]/));
  const delimiter = [',', ';', '\t'].find((d) => header.includes(d)) ?? ',';
  return parse(text, { delimiter, relax_column_count: true, skip_empty_lines: false }) as string[][];
}

function isoDate(cell: string): string | undefined {
  const match = /^(\d{4})(?:-(\d\d)-(\d\d)|\/(\d{1,2})\/(\d{1,2})|(\d\d)(\d\d)|年(\d{1,2})月(\d{1,2})日)$/.exec(cell);
  if (match === null) return undefined;
  const [year, month, day] = match.slice(1).filter((part) => part !== undefined);
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return date.getUTCMonth() + 1 === Number(month) ? date.toISOString().slice(0, 10) : undefined;
}

/** The value of a cell as text, empty for none, or undefined when it does not fit the type. */
function typedValue(type: ColumnType, cell: string): string | undefined {
  if (type === 'string') return cell;
  if (BLANKS.has(cell)) return '';
  switch (type) {
    case 'integer':
      return /^(-?\d+|\d{1,3}(,\d{3})+)$/.test(cell) ? cell.replaceAll(',', '') : undefined;
    case 'decimal':
      return /^-?(\d+|\d{1,3}(,\d{3})+)\.\d+$/.test(cell) ? cell.replaceAll(',', '') : undefined;
    case 'date':
      return isoDate(cell);
    default:
      return /^\d{4}-\d\d-\d\d ([01]\d|2[0-3]):[0-5]\d:[0-5]\d$/.test(cell) ? cell : undefined;
  }
}

/** Reads a dataset's files with another parser than the city's writer knows of. */
export async function readDataset(dir: string, truth: DatasetTruth): Promise<Found> {
  const rejected = { total: 0, ragged: 0, type: 0, required: 0, duplicate: 0 };
  const found: Found = { sourceRows: 0, rejected, deduplicated: 0, rows: new Map(), published: 0 };
  const { columns, primaryKey } = truth.schema;
  for (const file of truth.files) {
    const [header = [], ...rows] = records(await readFile(join(dir, file)), file);
    for (const cells of rows) {
      found.sourceRows++;
      if (cells.length !== header.length) {
        rejected.ragged++;
        continue;
      }
      const values = columns.map(({ name, type }) => typedValue(type, cells[header.indexOf(name)] ?? ''));
      if (values.includes(undefined)) {
        rejected.type++;
        continue;
      }
      if (columns.some((column, k) => !column.nullable && values[k] === '')) {
        rejected.required++;
        continue;
      }
      const row = values.join('\u0001');
      if (primaryKey.length === 0) {
        found.rows.set(`${row}\u0001${found.published}`, row);
        found.published++;
        continue;
      }
      const key = primaryKey.map((name) => values[columns.findIndex((c) => c.name === name)]).join('\u0001');
      const first = found.rows.get(key);
      if (first === undefined) {
        found.rows.set(key, row);
        found.published++;
      } else if (first === row) found.deduplicated++;
      else rejected.duplicate++;
    }
  }
  rejected.total = rejected.ragged + rejected.type + rejected.required + rejected.duplicate;
  return found;
}

export const names = (city: City): string[] => city.datasets.map((dataset) => dataset.metadata.name);

/** Row-level difference, of keyed rows by key and of others as bags of rows. */
export function difference(
  before: Found,
  after: Found,
  keyed: boolean,
): { added: number; changed: number; removed: number } {
  const changes = { added: 0, changed: 0, removed: 0 };
  if (keyed) {
    for (const [key, row] of after.rows) {
      const old = before.rows.get(key);
      if (old === undefined) changes.added++;
      else if (old !== row) changes.changed++;
    }
    for (const key of before.rows.keys()) if (!after.rows.has(key)) changes.removed++;
    return changes;
  }
  const balance = new Map<string, number>();
  for (const row of after.rows.values()) balance.set(row, (balance.get(row) ?? 0) + 1);
  for (const row of before.rows.values()) balance.set(row, (balance.get(row) ?? 0) - 1);
  for (const n of balance.values()) {
    if (n > 0) changes.added += n;
    else changes.removed -= n;
  }
  return changes;
}
