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

  constructor(
    private readonly encoding: string,
    private readonly lineBreak: number,
  ) {}

  add(chunk: Buffer): void {
    for (let at = 0; ; this.line++) {
      at = afterBreak(this.chunk, at, this.encoding, this.lineBreak);
      if (at < 0) break;
    }
    this.base += this.chunk.length;
    // Chunks of two-byte encodings may be odd only at the end of the source, where nothing follows.
    this.chunk = chunk;
  }

  offsetOf(line: number): number | undefined {
    let at = 0;
    if (line < this.line || (line === this.line && this.base > 0)) return undefined;
    for (let current = this.line; current < line; current++) {
      at = afterBreak(this.chunk, at, this.encoding, this.lineBreak);
      if (at < 0) return undefined;
    }
    return this.base + at;
  }
}
