import { createReadStream } from 'node:fs';
import type { RejectedRow } from '@songhua/contracts';
import { ndjsonPieces } from '@songhua/runtime/ndjson';
import type { FileSink } from './files.js';

// As many as a person or a form looks through; the file has them all.
const SHOWN_ROWS = 1000;
const WRITTEN_CHARS = 64 * 1024;

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
  const pieces = ndjsonPieces(createReadStream(readerPath, { highWaterMark: WRITTEN_CHARS }));
  let piece: RejectedRow[] = [];
  let at = 0;
  let ended = false;
  // A call to the sink for each row would cost more than the row.
  let text = '';
  let count = 0;
  const byCode: Record<string, number> = {};
  const first: Rejections['first'] = [];

  const write = (row: RejectedRow): void => {
    const { file: _file, ...shown } = row;
    const { line, field, code, message } = row;
    count++;
    byCode[code] = (byCode[code] ?? 0) + 1;
    if (first.length < SHOWN_ROWS) first.push({ line, ...(field === undefined ? {} : { field }), code, message });
    text += `${JSON.stringify(shown)}\n`;
  };
  const flush = async (): Promise<void> => {
    const written = text;
    text = '';
    await out.write(written);
  };
  const writeBefore = async (line: number): Promise<void> => {
    while (!ended) {
      const row = piece[at];
      if (row === undefined) {
        const next = await pieces.next();
        ended = next.done === true;
        piece = next.done ? [] : (next.value as RejectedRow[]);
        at = 0;
        if (text.length >= WRITTEN_CHARS) await flush();
      } else if (row.line > line) return;
      else {
        write(row);
        at++;
      }
    }
  };
  return {
    async add(rows) {
      for (const row of rows) {
        await writeBefore(row.line);
        write(row);
      }
      if (text.length >= WRITTEN_CHARS) await flush();
    },
    async finish() {
      await writeBefore(Number.POSITIVE_INFINITY);
      await flush();
    },
    get count() {
      return count;
    },
    byCode,
    first,
  };
}
