import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { RejectedRow } from '@songhua/contracts';
import type { FileSink } from './files.js';

// As many as a person or a form looks through; the file has them all.
const SHOWN_ROWS = 1000;

/** Rejected rows of the reader and of the types, in the order of their lines. */
export interface Rejections {
  /** Takes rejected rows of the types; the reader's that stand before them go first. */
  add(rows: readonly RejectedRow[]): Promise<void>;
  /** Takes what the reader rejected after the last one added. */
  finish(): Promise<void>;
  readonly count: number;
  readonly byCode: Record<string, number>;
  /** The first ones. */
  readonly first: Pick<RejectedRow, 'line' | 'code' | 'message' | 'field'>[];
}

/** Merges what the reader left in `readerPath` (NDJSON) with what is added, into `out`. */
export function mergeRejections(readerPath: string, out: FileSink): Rejections {
  const input = createReadStream(readerPath);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  let waiting: RejectedRow | undefined;
  let ended = false;
  let count = 0;
  const byCode: Record<string, number> = {};
  const first: Rejections['first'] = [];

  const write = async (row: RejectedRow): Promise<void> => {
    const { file: _file, ...shown } = row;
    const { line, field, code, message } = row;
    count++;
    byCode[code] = (byCode[code] ?? 0) + 1;
    if (first.length < SHOWN_ROWS) first.push({ line, ...(field === undefined ? {} : { field }), code, message });
    await out.write(`${JSON.stringify(shown)}\n`);
  };
  const writeBefore = async (line: number): Promise<void> => {
    while (!ended) {
      if (waiting === undefined) {
        const next = await lines.next();
        if (next.done) ended = true;
        else waiting = JSON.parse(next.value) as RejectedRow;
      }
      if (waiting === undefined || waiting.line > line) return;
      await write(waiting);
      waiting = undefined;
    }
  };
  return {
    async add(rows) {
      for (const row of rows) {
        await writeBefore(row.line);
        await write(row);
      }
    },
    finish: () => writeBefore(Number.POSITIVE_INFINITY),
    get count() {
      return count;
    },
    byCode,
    first,
  };
}
