import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { RejectedRow } from '@songhua/contracts';
import { createTables, linesOf, type NormalizeInput, type NormalizeResult, type Tables } from '../src/index.js';

export interface Bench {
  tables: Tables;
  root: string;
  /** Normalizes `rows` under `header`; later calls may pass the result of an earlier one as `previous`. */
  refresh(header: string[], rows: string[][], options?: Partial<NormalizeInput>): Promise<NormalizeResult>;
  after(result: NormalizeResult, parquet?: string): NonNullable<NormalizeInput['previous']>;
  /** All rows of a version file as text, as the CSV shows them. */
  csv(result: NormalizeResult): Promise<string>;
  close(): Promise<void>;
}

export const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
export const toCsv = (rows: string[][]): string =>
  rows.map((row) => `${row.length === 1 && row[0] === '' ? '""' : row.map(cell).join(',')}\n`).join('');

/** A Tables in a folder of its own. */
export function bench(threads = 2): Bench {
  const root = mkdtempSync(join(tmpdir(), 'songhua-tables-'));
  const tables = createTables({ memoryMb: 256, threads, tempDirectory: join(root, 'spill') });
  let runs = 0;
  return {
    tables,
    root,
    async refresh(header, rows, options = {}) {
      const landing = join(root, `run-${++runs}`);
      const out = join(landing, 'out');
      mkdirSync(out, { recursive: true });
      const half = Math.ceil(rows.length / 2);
      const parts = [rows.slice(0, half), rows.slice(half)].flatMap((part, i) => {
        if (part.length === 0) return [];
        const path = join(landing, `part-${i}.csv.gz`);
        const middle = Math.ceil(part.length / 2);
        const members = [part.slice(0, middle), part.slice(middle)].map((member) => gzipSync(toCsv(member)));
        writeFileSync(path, Buffer.concat(members));
        return [path];
      });
      return tables.normalize({
        parts,
        columns: header.map((name) => ({ name, source: name })),
        files: [],
        lines: linesOf(rows.length > 0 ? [{ row: 0, line: 2, file: 0 }] : []),
        rows: rows.length,
        readerRejected: 0,
        mode: 'full',
        scope: (options.mode ?? 'full') === 'full' ? 'all' : 'part',
        operations: false,
        reset: false,
        primaryKey: [],
        schemaPolicy: 'hold',
        maxRejected: 1,
        maxShrink: 1,
        overrides: [],
        out,
        ...options,
      });
    },
    after: (result, parquet = result.files[0]?.path ?? '') => ({
      schema: result.schema,
      identity: result.identity,
      rows: result.rows,
      parquet,
    }),
    async csv(result) {
      const out = join(root, `csv-${++runs}.csv`);
      await tables.render(result.files[0]?.path ?? '', 'csv', result.schema, out);
      return readFileSync(out, 'utf8');
    },
    async close() {
      await tables.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export const rejectedRows = (result: NormalizeResult): RejectedRow[] =>
  result.rejected
    ? gunzipSync(readFileSync(result.rejected.path))
        .toString('utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as RejectedRow)
    : [];

export const typesOf = (result: NormalizeResult): string =>
  result.schema.columns.map(({ type, scale }) => (type === 'decimal' ? `decimal.${scale}` : type)).join(' ');
