import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { LineRun } from '@songhua/contracts';

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

/** Where the rows at `positions` stand, given where all rows stand; both ascending. */
export function pickLines(lines: readonly LineRun[], positions: readonly number[]): LineRun[] {
  const picked: LineRun[] = [];
  let at = 0;
  for (const [row, position] of positions.entries()) {
    while (at + 1 < lines.length && (lines[at + 1]?.row ?? Number.POSITIVE_INFINITY) <= position) at++;
    const run = lines[at] ?? { row: 0, line: 1, file: 0 };
    const line = run.line + position - run.row;
    const last = picked.at(-1);
    if (last && last.file === run.file && last.line + (row - last.row) === line) continue;
    picked.push({ row, line, file: run.file });
  }
  return picked;
}
