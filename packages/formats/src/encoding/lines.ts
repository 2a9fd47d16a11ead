/** Bytes of the unit that a line break takes in an encoding, and where its one significant byte stands in it. */
function unitOf(encoding: string): { width: number; place: number } {
  if (encoding === 'utf-16le') return { width: 2, place: 0 };
  if (encoding === 'utf-16be') return { width: 2, place: 1 };
  // In GB 18030 and Big5 no byte of a longer character is below 0x30, so a line break is always itself.
  return { width: 1, place: 0 };
}

/** First byte after the next line break at or after `from`, or -1. `from` and `bytes` begin at a character's start. */
export function afterBreak(bytes: Buffer, from: number, encoding: string, lineBreak: number): number {
  const { width, place } = unitOf(encoding);
  for (let at = bytes.indexOf(lineBreak, from); at >= 0; at = bytes.indexOf(lineBreak, at + 1)) {
    if (width === 1) return at + 1;
    const start = at - place;
    if (start >= from && start % 2 === 0 && bytes[start + 1 - place] === 0) return start + 2;
  }
  return -1;
}

/** Finds the source offset of physical lines while a source streams by; it keeps one chunk, so only recent lines are known. */
export class LineOffsets {
  private chunk: Buffer = Buffer.alloc(0);
  /** Offset of the chunk, and number of the line that its first byte belongs to. */
  private base = 0;
  private line = 1;
  /** The last line found in the chunk, since lines are asked for in order. */
  private found = { line: 1, at: 0 };

  constructor(
    private readonly encoding: string,
    private readonly lineBreak: number,
  ) {}

  /** Goes on to the next chunk. Of a two-byte encoding only the last one may be odd. */
  add(chunk: Buffer): void {
    let { line, at } = this.found;
    for (;;) {
      at = afterBreak(this.chunk, at, this.encoding, this.lineBreak);
      if (at < 0) break;
      line++;
    }
    this.base += this.chunk.length;
    // The source reuses its buffer for the next chunk, before the rest of this one is counted.
    this.chunk = Buffer.from(chunk);
    this.line = line;
    this.found = { line, at: 0 };
  }

  offsetOf(line: number): number | undefined {
    if (line < this.line || (line === this.line && this.base > 0)) return undefined;
    if (line < this.found.line) this.found = { line: this.line, at: 0 };
    let { line: current, at } = this.found;
    for (; current < line; current++) {
      at = afterBreak(this.chunk, at, this.encoding, this.lineBreak);
      if (at < 0) return undefined;
    }
    this.found = { line, at };
    return this.base + at;
  }
}
