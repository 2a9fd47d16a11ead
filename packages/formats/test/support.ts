import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '@songhua/domain';
import { type LineRun, openTables, type ReadOptions, type RejectedRow, type TableReader } from '../src/index.js';

/** A folder of one test file's own. */
export function createFolder(): {
  write(name: string, content: string | Buffer): string;
  remove(): void;
  path: string;
} {
  const path = mkdtempSync(join(tmpdir(), 'songhua-formats-'));
  return {
    path,
    write(name, content) {
      const file = join(path, name);
      writeFileSync(file, content);
      return file;
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** An RFC 4180 reader, apart from the one under test. */
export function parseCanonical(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as string;
    if (quoted) {
      if (c !== '"') cell += c;
      else if (text[i + 1] === '"') {
        cell += '"';
        i++;
      } else quoted = false;
    } else if (c === '"' && cell === '') quoted = true;
    else if (c === '"') throw new Error(`a lone quote at ${i} is not canonical`);
    else if (c === '\r') throw new Error(`a carriage return outside quotes at ${i} is not canonical`);
    else if (c === ',' || c === '\n') {
      row.push(cell);
      cell = '';
      if (c === '\n') {
        rows.push(row);
        row = [];
      }
    } else cell += c;
  }
  if (row.length > 0 || cell !== '') throw new Error('the last record has no line end');
  return rows;
}

export interface ReadResult {
  table: TableReader;
  header: string[];
  rows: string[][];
  rejected: RejectedRow[];
  /** Physical line of each row. */
  lines: number[];
  largestBatch: number;
}

export async function readAll(path: string, options: ReadOptions = {}): Promise<ReadResult> {
  const [table] = (await openTables({ path, name: 'input.csv' }, options)) as [TableReader];
  return readTable(table);
}

/** All tables of a source, in order. */
export async function readEvery(path: string, options: ReadOptions = {}): Promise<ReadResult[]> {
  const results: ReadResult[] = [];
  for (const table of await openTables({ path, name: 'input' }, options)) results.push(await readTable(table));
  return results;
}

async function readTable(table: TableReader): Promise<ReadResult> {
  const rows: string[][] = [];
  const rejected: RejectedRow[] = [];
  const runs: LineRun[] = [];
  let largestBatch = 0;
  for await (const batch of table.batches()) {
    if (batch.type === 'rejected') {
      rejected.push(...batch.rows);
      continue;
    }
    const parsed = parseCanonical(batch.csv.toString('utf8'));
    if (parsed.length !== batch.rows) throw new Error(`the batch says ${batch.rows} rows and has ${parsed.length}`);
    for (const row of parsed) rows.push(row);
    for (const run of batch.lines) runs.push(run);
    largestBatch = Math.max(largestBatch, batch.csv.length);
  }
  let at = 0;
  const lines = rows.map((_, row) => {
    while ((runs[at + 1]?.row ?? Number.POSITIVE_INFINITY) <= row) at++;
    const { line, row: first, step = 1 } = runs[at] as LineRun;
    return line + (row - first) * step;
  });
  return { table, header: table.columns.map((c) => c.name), rows, rejected, lines, largestBatch };
}

export interface Failure {
  code: string | undefined;
  message: string;
  details: Record<string, unknown>;
}

/** What a read that must fail fails with. */
export async function failure(run: Promise<unknown>): Promise<Failure> {
  try {
    await run;
  } catch (error) {
    const { details = {}, message } = error as Failure;
    return { code: codeOf(error), message, details };
  }
  throw new Error('expected an error');
}

/** How much memory a run takes beyond what was there before, in MB. */
export async function memoryOf(run: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().rss;
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 10);
  try {
    await run();
  } finally {
    clearInterval(timer);
  }
  return (Math.max(most, process.memoryUsage().rss) - before) / 1024 ** 2;
}
