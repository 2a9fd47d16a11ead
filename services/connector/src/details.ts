import { sourceError } from '@songhua/connector-sdk';
import {
  DETAIL_LIMITS,
  type Detail,
  type LineRun,
  MAX_BATCH_BYTES,
  packRuns,
  type RejectedRow,
  type SyncDetails,
  type SyncWarning,
} from '@songhua/contracts';

/** NDJSON of whole lines, at most MAX_BATCH_BYTES. */
export interface Batch {
  text: Buffer;
  rows: number;
}

// Of one detail, unless one thing in it is longer.
const DETAIL_BYTES = 64 * 1024;
// What a rejected row keeps of each of its texts.
const REJECTED_CHARS = 2_000;

/** Gathers lines into batches, whatever the sizes of the lines are, as long as each fits. */
export function createGatherer() {
  let lines: Buffer[] = [];
  let bytes = 0;
  const take = (): Batch[] => {
    if (lines.length === 0) return [];
    const batch = { text: Buffer.concat(lines), rows: lines.length };
    lines = [];
    bytes = 0;
    return [batch];
  };
  return {
    /** The batches that are full before `value`. Throws `source.too-many` for one that no batch can hold. */
    add(value: unknown): Batch[] {
      const line = Buffer.from(`${JSON.stringify(value)}\n`);
      if (line.length > MAX_BATCH_BYTES)
        throw sourceError(
          'source.too-many',
          `one name of a file or column takes ${line.length} bytes, more than the ${MAX_BATCH_BYTES} of a batch; see that the header row is the right one`,
        );
      const full = bytes + line.length > MAX_BATCH_BYTES ? take() : [];
      lines.push(line);
      bytes += line.length;
      return full;
    },
    /** What is left. */
    take,
  };
}

/** Rejected rows in batches: their number says nothing of their bytes. */
export function rejectedBatches(rows: readonly RejectedRow[]): Batch[] {
  const gatherer = createGatherer();
  const cut = (text: string): string => text.slice(0, REJECTED_CHARS);
  const batches = rows.flatMap(({ raw, message, field, ...row }) =>
    gatherer.add({
      ...row,
      ...(field !== undefined && { field: cut(field) }),
      message: cut(message),
      raw: cut(raw),
    }),
  );
  return [...batches, ...gatherer.take()];
}

/** Line runs as details. */
export const runDetails = (runs: readonly LineRun[]): Detail[] => packRuns(runs);

/** Everything else as details; throws `source.too-many` beyond `DETAIL_LIMITS`. */
export function* syncDetails({ columns, files, cursor, warnings }: SyncDetails): Generator<Detail> {
  if (files.length > DETAIL_LIMITS.files) throw tooMany(`${files.length} files, at most ${DETAIL_LIMITS.files}`);
  yield* lists(columns, { what: 'columns and their headers', most: DETAIL_LIMITS.columnBytes }, (part) => ({
    type: 'columns',
    columns: part,
  }));
  yield* lists(files, { what: 'files and their names', most: DETAIL_LIMITS.fileBytes }, (part) => ({
    type: 'files',
    files: part,
  }));
  yield* lists(bounded(warnings ?? []), { what: 'warnings', most: Number.POSITIVE_INFINITY }, (part) => ({
    type: 'warnings',
    warnings: part,
  }));
  const text = JSON.stringify(cursor);
  const bytes = Buffer.byteLength(text);
  if (bytes > DETAIL_LIMITS.cursorBytes)
    throw tooMany(`what is to be remembered of it takes ${mib(bytes)}, at most ${mib(DETAIL_LIMITS.cursorBytes)}`);
  for (let at = 0; at < text.length; at += DETAIL_BYTES)
    yield { type: 'cursor', text: text.slice(at, at + DETAIL_BYTES) };
}

/** The first warnings, each cut to a length, and how many were left out. */
export function bounded(warnings: readonly SyncWarning[]): SyncWarning[] {
  const kept = warnings
    .slice(0, DETAIL_LIMITS.warnings)
    .map(({ code, message }) => ({ code, message: message.slice(0, DETAIL_LIMITS.warningChars) }));
  const left = warnings.length - kept.length;
  if (left === 0) return kept;
  return [
    ...kept,
    {
      code: 'warnings.left-out',
      message: `${left} more warnings were left out; see to the first ones. 另有 ${left} 条提示未列出`,
    },
  ];
}

function* lists<T>(
  items: readonly T[],
  { what, most }: { what: string; most: number },
  detail: (part: T[]) => Detail,
): Generator<Detail> {
  let part: T[] = [];
  let bytes = 0;
  let total = 0;
  for (const item of items) {
    const size = Buffer.byteLength(JSON.stringify(item));
    total += size;
    if (total > most) throw tooMany(`its ${what} take more than ${mib(most)}`);
    if (bytes + size > DETAIL_BYTES && part.length > 0) {
      yield detail(part);
      part = [];
      bytes = 0;
    }
    part.push(item);
    bytes += size;
  }
  if (part.length > 0) yield detail(part);
}

const mib = (bytes: number): string => `${Math.ceil(bytes / 1024 ** 2)} MiB`;

const tooMany = (found: string): Error =>
  sourceError(
    'source.too-many',
    `the source is more than one sync can carry: ${found}; let the connector match fewer files, or split it into several connectors. 源文件过多，请缩小范围或拆分连接器`,
  );
