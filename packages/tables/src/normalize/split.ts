import { createReadStream } from 'node:fs';
import { appendFile } from 'node:fs/promises';

const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const CHUNK_BYTES = 256 * 1024;
// Of all files together: there may be more of them than a process may hold open.
const GATHERED_BYTES = 16 * 1024 * 1024;
const ROW_END = Buffer.from('\n');
// A lone empty cell would be a blank line, which is no row.
const NO_VALUE = Buffer.from('""\n');

/** The part of a table that is in the `width` columns from `from` on. */
export interface ColumnGroup {
  from: number;
  width: number;
  path: string;
}

/**
 * Cuts canonical CSV into files of `width` columns each, `<path>.<n>`, whose rows are in the same order. One pass; no cell is
 * interpreted. The caller removes the files, which must not be there before.
 */
export async function splitColumns(path: string, columns: number, width: number): Promise<ColumnGroup[]> {
  const groups: ColumnGroup[] = [];
  for (let from = 0; from < columns; from += width)
    groups.push({ from, width: Math.min(width, columns - from), path: `${path}.${groups.length}` });
  const cutter = new Cutter(width, groups.length);
  const flush = async (): Promise<void> => {
    for (const [n, group] of groups.entries()) await appendFile(group.path, cutter.take(n));
    cutter.gathered = 0;
  };
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>) {
    cutter.push(chunk);
    if (cutter.gathered >= GATHERED_BYTES) await flush();
  }
  await flush();
  return groups;
}

class Cutter {
  gathered = 0;
  private readonly parts: Buffer[][];
  private column = 0;
  private quoted = false;
  /** Whether the cells of the row that are in the current part have any bytes so far. */
  private filled = false;

  constructor(
    private readonly width: number,
    parts: number,
  ) {
    this.parts = Array.from({ length: parts }, () => []);
  }

  /** What part `n` has gathered since the last time. */
  take(n: number): Buffer {
    const bytes = Buffer.concat(this.parts[n] ?? []);
    this.parts[n] = [];
    return bytes;
  }

  push(chunk: Buffer): void {
    const { width } = this;
    let from = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      if (byte === QUOTE) this.quoted = !this.quoted;
      if (this.quoted || (byte !== COMMA && byte !== LF)) continue;
      if (byte === LF || (this.column + 1) % width === 0) {
        this.add(chunk.subarray(from, i));
        this.add(this.filled ? ROW_END : NO_VALUE);
        this.filled = false;
        from = i + 1;
      }
      this.column = byte === LF ? 0 : this.column + 1;
    }
    this.add(chunk.subarray(from));
  }

  private add(piece: Buffer): void {
    if (piece.length === 0) return;
    this.filled = true;
    this.gathered += piece.length;
    this.parts[Math.floor(this.column / this.width)]?.push(piece);
  }
}
