import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { RejectedRow } from '@songhua/contracts';
import type { Column, ColumnType } from '@songhua/domain';
import type { Session } from '../engine.js';
import { createLineFinder } from '../lines.js';
import { cellName } from '../sql.js';
import type { NormalizeInput } from '../types.js';
import { isBlankText } from '../values/blank.js';
import { blanksIn, type PlannedColumn } from './plan.js';
import { OPERATION } from './source.js';

// What the contract lets a quarantined row show.
const MAX_RAW = 2000;

const TYPE_NAMES: Record<ColumnType | 'percent', { zh: string; en: string }> = {
  string: { zh: '文本', en: 'text' },
  integer: { zh: '整数', en: 'a whole number' },
  decimal: { zh: '小数', en: 'a decimal number' },
  boolean: { zh: '“是”或“否”', en: 'yes or no' },
  date: { zh: '日期', en: 'a date' },
  datetime: { zh: '日期时间', en: 'a date and time' },
  time: { zh: '时间', en: 'a time of day' },
  json: { zh: ' JSON', en: 'JSON' },
  percent: { zh: '百分数', en: 'a percentage' },
};

/** A row as canonical CSV, cut to what quarantine may show. */
export function rawText(cells: readonly (string | null)[]): string {
  const text = cells
    .map((cell) => (cell !== null && /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : (cell ?? '')))
    .join(',');
  return text.slice(0, MAX_RAW);
}

interface Blame {
  code: string;
  field?: string;
  message: string;
}

/** What a clerk sees: the reason in both languages, and how many more of the row's `wrong` cells are to blame. */
const inBoth = (zh: string, en: string, wrong = 1): string =>
  wrong > 1 ? `${zh}；另有 ${wrong - 1} 列有误 / ${en}; ${wrong - 1} more column(s) are wrong` : `${zh} / ${en}`;

/** The reason of a row of which `wrong` cells do not fit their columns, `column` the first. */
export function wrongType({ name, type, unit }: Column, wrong: number): Required<Blame> {
  const { zh, en } = TYPE_NAMES[unit ?? type];
  return {
    code: 'cell.type',
    field: name,
    message: inBoth(
      `列「${name}」应为${zh}，此单元格不是，请更正`,
      `the column "${name}" should hold ${en} and this cell does not; correct it`,
      wrong,
    ),
  };
}

const UNKNOWN_OPERATION: Blame = {
  code: 'operation.unknown',
  message: inBoth(
    '首格应为 +、- 或 0（写入、删除、清空），此行不是，请更正',
    'the first cell should say what the row does, + (put), - (delete) or 0 (delete all), and this one does not; correct the source',
  ),
};

function blame(
  plan: readonly PlannedColumn[],
  fields: readonly number[],
  { primaryKey: key, operations }: NormalizeInput,
  cells: readonly (string | null)[],
): Blame {
  const first = plan[fields[0] ?? -1];
  if (!first) {
    if (operations) return UNKNOWN_OPERATION;
    return {
      code: 'key.duplicate',
      message: inBoth(
        `主键（${key.join(', ')}）与前面的行重复但内容不同，请保留一行`,
        `the key (${key.join(', ')}) of this row is already used by an earlier row with other content; keep one of them`,
      ),
    };
  }
  const { name } = first.column;
  const cell = first.cell === undefined ? null : (cells[first.cell] ?? null);
  const empty = cell === null || isBlankText(cell, blanksIn(first));
  if (empty && key.includes(name)) {
    return {
      code: 'key.missing',
      field: name,
      message: inBoth(`主键列「${name}」为空，请填写`, `the key column "${name}" is empty; fill it in`, fields.length),
    };
  }
  if (empty) {
    return {
      code: 'cell.required',
      field: name,
      message: inBoth(
        `必填列「${name}」为空，请填写`,
        `the required column "${name}" is empty; fill it in`,
        fields.length,
      ),
    };
  }
  return wrongType(first.column, fields.length);
}

/** Puts rows at the given ascending positions of the source beside the rows that did not parse; `numbered` has all, with `_row`. */
export async function addDuplicates(session: Session, numbered: string, rows: readonly number[]): Promise<void> {
  if (rows.length === 0) return;
  await session.run('CREATE OR REPLACE TEMP TABLE duplicate_rows (r BIGINT)');
  // Values travel in pieces, because one statement with a million numbers takes longer to parse than to run.
  for (let i = 0; i < rows.length; i += 10_000) {
    await session.run(`INSERT INTO duplicate_rows SELECT unnest([${rows.slice(i, i + 10_000).join(', ')}])`);
  }
  await addBad(session, `(SELECT * FROM ${numbered} WHERE _row IN (SELECT r FROM duplicate_rows))`);
}

/** Puts the rows of `numbered` (`_row` and cells), which no cell is to blame for, beside the rows that did not parse. */
export async function addBad(session: Session, numbered: string): Promise<void> {
  const select = `SELECT *, []::INTEGER[] AS _fields FROM ${numbered}`;
  const has = await session.all(`SELECT 1 FROM duckdb_tables() WHERE table_name = 'bad' AND temporary`);
  await session.runNarrow(has.length > 0 ? `INSERT INTO bad BY NAME ${select}` : `CREATE TEMP TABLE bad AS ${select}`);
}

/** The rows of the table `bad` with what is wrong with each, in source order, in chunks. */
async function* rejects(
  session: Session,
  input: NormalizeInput,
  plan: readonly PlannedColumn[],
): AsyncGenerator<RejectedRow[]> {
  // Quarantine shows no more of a row, and a chunk of the longest cells would not fit in memory.
  const cells = input.columns.map((_, i) => `left(${cellName(i)}, ${MAX_RAW})`);
  if (input.operations) cells.push(OPERATION);
  const sql = `SELECT _row, array_to_string(_fields, ',') AS _fields, ${cells.join(', ')} FROM bad ORDER BY _row`;
  const finder = createLineFinder(input.lines);
  try {
    for await (const [positions = [], fields = [], ...columns] of session.columns(sql)) {
      const rows: RejectedRow[] = [];
      for (const [i, position] of positions.entries()) {
        const row = columns.map((column) => (column[i] ?? null) as string | null);
        const cells = row.slice(0, input.columns.length);
        const operation = row.slice(input.columns.length);
        const at = String(fields[i] ?? '');
        const { field, code, message } = blame(plan, at === '' ? [] : at.split(',').map(Number), input, cells);
        rows.push({
          ...(await finder.placeOf(Number(position))),
          row: Number(position),
          ...(field === undefined ? {} : { field }),
          code,
          message,
          raw: rawText([...operation, ...cells]),
        });
      }
      yield rows;
    }
  } finally {
    await finder.close();
  }
}

/** Writes every row of the table `bad` as one line of NDJSON.gz, in source order, and counts them by code. */
export async function writeRejected(
  session: Session,
  input: NormalizeInput,
  plan: readonly PlannedColumn[],
  path: string,
): Promise<{ path: string; count: number; byCode: Record<string, number> }> {
  const byCode: Record<string, number> = {};
  let count = 0;
  async function* lines(): AsyncGenerator<string> {
    for await (const chunk of rejects(session, input, plan)) {
      for (const { code } of chunk) byCode[code] = (byCode[code] ?? 0) + 1;
      count += chunk.length;
      yield chunk.map((row) => `${JSON.stringify(row)}\n`).join('');
    }
  }
  await pipeline(Readable.from(lines()), createGzip({ level: 6 }), createWriteStream(path));
  return { path, count, byCode };
}
