import { createReadStream } from 'node:fs';
import type { LineRun } from '@songhua/formats';
import { createCursor } from './cursor.js';

const RUN_BYTES = 16;
const PIECE_BYTES = 4096 * RUN_BYTES;

/** Line runs as bytes: a table of which every row takes two lines has one a row, too many to hold. */
export function packRuns(runs: readonly LineRun[]): Buffer {
  const bytes = Buffer.allocUnsafe(runs.length * RUN_BYTES);
  runs.forEach(({ row, line }, i) => {
    bytes.writeDoubleLE(row, i * RUN_BYTES);
    bytes.writeDoubleLE(line, i * RUN_BYTES + 8);
  });
  return bytes;
}

async function* unpackRuns(path: string): AsyncGenerator<{ row: number; line: number }[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const runs: { row: number; line: number }[] = [];
    let at = 0;
    for (; at + RUN_BYTES <= bytes.length; at += RUN_BYTES) {
      runs.push({ row: bytes.readDoubleLE(at), line: bytes.readDoubleLE(at + 8) });
    }
    rest = Buffer.from(bytes.subarray(at));
    yield runs;
  }
}

/** Tells the physical lines of rows that are asked for in ascending order, from the runs packed in the file at `path`. */
export async function createLineFinder(path: string): Promise<(row: number) => Promise<number>> {
  const runs = await createCursor(unpackRuns(path));
  let run = { row: 0, line: 1 };
  return async (row) => {
    while (runs.current !== undefined && runs.current.row <= row) {
      run = runs.current;
      await runs.advance();
    }
    return run.line + row - run.row;
  };
}
