import { createReadStream } from 'node:fs';
import type { LineRun } from '@songhua/formats';

const RUN_BYTES = 24;
const PIECE_BYTES = 4096 * RUN_BYTES;

/** Line runs as bytes: a table whose rows are of unequal height has one a row, too many to hold. */
export function packRuns(runs: readonly LineRun[]): Buffer {
  const bytes = Buffer.allocUnsafe(runs.length * RUN_BYTES);
  runs.forEach(({ row, line, step = 1 }, i) => {
    bytes.writeDoubleLE(row, i * RUN_BYTES);
    bytes.writeDoubleLE(line, i * RUN_BYTES + 8);
    bytes.writeDoubleLE(step, i * RUN_BYTES + 16);
  });
  return bytes;
}

/** The line runs packed in the file at `path`. */
export async function* readRuns(path: string): AsyncGenerator<LineRun[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const runs: LineRun[] = [];
    let at = 0;
    for (; at + RUN_BYTES <= bytes.length; at += RUN_BYTES) {
      const [row, line, step] = [0, 8, 16].map((field) => bytes.readDoubleLE(at + field)) as [number, number, number];
      runs.push({ row, line, step, file: 0 });
    }
    rest = Buffer.from(bytes.subarray(at));
    yield runs;
  }
}
