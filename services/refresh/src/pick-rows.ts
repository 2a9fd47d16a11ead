import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { LineRun, LineRuns } from '@songhua/contracts';
import { createLineFinder } from '@songhua/tables';

const QUOTE = 0x22;
const LF = 0x0a;

/**
 * Copies the rows at `positions` (0-based among the rows of all `parts`, ascending) of canonical CSV to one gzip file, as bytes. A quote
 * inside a quoted cell is doubled, so that a line ends a row exactly where the quotes so far are even.
 */
export async function pickRows(parts: readonly string[], positions: readonly number[], out: string): Promise<void> {
  async function* picked(): AsyncGenerator<Buffer> {
    let row = 0;
    let next = 0;
    let quoted = false;
    for (const part of parts) {
      if (next >= positions.length) return;
      for await (const chunk of createReadStream(part).pipe(createGunzip()) as AsyncIterable<Buffer>) {
        let from = 0;
        for (let at = 0; at < chunk.length; at++) {
          const byte = chunk[at];
          if (byte === QUOTE) quoted = !quoted;
          if (byte !== LF || quoted) continue;
          if (row === positions[next]) {
            yield chunk.subarray(from, at + 1);
            next++;
          }
          from = at + 1;
          row++;
        }
        if (row === positions[next] && from < chunk.length) yield chunk.subarray(from);
      }
    }
  }
  await pipeline(Readable.from(picked()), createGzip({ level: 1 }), createWriteStream(out));
}

// What a reader has in memory of picked runs at a time.
const RUNS_TOGETHER = 4_096;

/** Where the rows at `positions` stand, given where all rows stand; both ascending. */
export const pickLines = (lines: LineRuns, positions: readonly number[]): LineRuns =>
  async function* () {
    const finder = createLineFinder(lines);
    try {
      let picked: LineRun[] = [];
      let last: LineRun | undefined;
      for (const [row, position] of positions.entries()) {
        const { file, line } = await finder.placeOf(position);
        if (last?.file === file && last.line + (row - last.row) === line) continue;
        last = { row, line, file };
        picked.push(last);
        if (picked.length < RUNS_TOGETHER) continue;
        yield picked;
        picked = [];
      }
      yield picked;
    } finally {
      await finder.close();
    }
  };
