import type { StreamInfo } from '@songhua/connector-sdk';
import { type Column, FREQUENCIES, type Frequency, type SyncMode } from '@songhua/domain';

/** What a person would write who knows the source; each may be changed before it is applied. */
export interface Suggestion {
  key: string[];
  /** Column that tells what is new, where the source has one and the kind can use it. */
  cursor: string | null;
  mode: SyncMode;
  frequency: Frequency;
}

type Row = Record<string, unknown>;
const KEY_TYPES = new Set<Column['type']>(['string', 'integer', 'date', 'datetime']);
const KEY_NAME = /(^|[_\s-])(id|code|key|no|uuid)$|id$|编号|编码|代码|主键|号码$|序号|^号$/i;
// Too few rows are unique by chance.
const FEW_ROWS = 3;
const MOST_PAIRED = 6;
const DAY_SECONDS = 86_400;
// Dates are a distance apart, however short.
const CONTINUOUS = new Set<Frequency>(['CONT', 'UPDATE_CONT']);

/** `incremental`: the kind can read what came since a cursor. `rows` are the first rows, typed; key and frequency are judged by them. */
export function suggest(stream: StreamInfo, columns: Column[], rows: Row[], incremental: boolean): Suggestion {
  const key = stream.key ?? keyOf(columns, rows);
  const cursor = (incremental && stream.cursors?.[0]) || null;
  const mode = cursor === null ? 'full' : key.length > 0 ? 'merge' : 'append';
  return { key, cursor, mode, frequency: frequencyOf(columns, rows) };
}

/** The first column that names every row, one that is called like a key before others; else the first two that do together. */
export function keyOf(columns: Column[], rows: Row[]): string[] {
  if (rows.length < FEW_ROWS) return [];
  const names = columns.filter(({ type }) => KEY_TYPES.has(type)).map(({ name }) => name);
  const called = names.filter((name) => KEY_NAME.test(name));
  const ordered = [...called, ...names.filter((name) => !called.includes(name))];
  const single = ordered.find((name) => isUnique([name], rows));
  if (single !== undefined) return [single];
  const first = ordered.slice(0, MOST_PAIRED);
  for (const [index, a] of first.entries())
    for (const b of first.slice(index + 1)) if (isUnique([a, b], rows)) return names.filter((n) => n === a || n === b);
  return [];
}

function isUnique(names: string[], rows: Row[]): boolean {
  const seen = new Set<string>();
  for (const row of rows) {
    const values = names.map((name) => row[name]);
    if (values.some((value) => value === null || value === undefined || value === '')) return false;
    seen.add(JSON.stringify(values));
  }
  return seen.size === rows.length;
}

/** The promise whose period is nearest to the usual distance of its dates; UNKNOWN where there are too few. */
export function frequencyOf(columns: Column[], rows: Row[]): Frequency {
  for (const { name, type } of columns) {
    const times = type === 'date' || type === 'datetime' ? timesOf(name, rows) : yearsOf(name, type, rows);
    if (times.length < FEW_ROWS) continue;
    const gaps = times.slice(1).map((time, index) => time - (times[index] as number));
    return nearest(gaps.sort((a, b) => a - b)[gaps.length >> 1] as number);
  }
  return 'UNKNOWN';
}

/** Distinct times in ascending order, in seconds. */
function timesOf(name: string, rows: Row[]): number[] {
  const times = rows.map((row) => Date.parse(String(row[name])) / 1000).filter((time) => Number.isFinite(time));
  return [...new Set(times)].sort((a, b) => a - b);
}

function yearsOf(name: string, type: Column['type'], rows: Row[]): number[] {
  if (type !== 'integer' || !/年|year/i.test(name)) return [];
  const years = rows.map((row) => Number(row[name])).filter((year) => year >= 1900 && year <= 2200);
  return [...new Set(years)].sort((a, b) => a - b).map((year) => year * 365 * DAY_SECONDS);
}

function nearest(seconds: number): Frequency {
  const known = (Object.entries(FREQUENCIES) as [Frequency, number | null][]).filter(
    (entry): entry is [Frequency, number] => entry[1] !== null && !CONTINUOUS.has(entry[0]),
  );
  const distance = (period: number): number => Math.abs(Math.log(period / Math.max(seconds, 1)));
  return known.reduce((best, one) => (distance(one[1]) < distance(best[1]) ? one : best))[0];
}
