import { isUtf8 } from 'node:buffer';
import { CR, LF } from './spec.js';

// Room for a few chunks before the first growth.
const WORK_BYTES = 64 * 1024;
const GROWTH_BYTES = 1024 * 1024;

/** The part of a text that is being read: what is left of earlier chunks and the newest one, with a guard LF behind it. */
export class TextWindow {
  work = Buffer.allocUnsafe(WORK_BYTES);
  /** First byte not yet read, and the guard. */
  start = 0;
  end = 0;
  /** Whether what is in the window is not all UTF-8, so that each record must be checked. */
  dirty = false;
  private validTo = 0;

  /** `base` is the source offset of `work[0]`; with `cr` a carriage return alone ends a line. */
  constructor(
    public base: number,
    private readonly cr: boolean,
  ) {}

  /** Appends a chunk; with `last` the text gets the line end that it may lack. */
  load(chunk: Buffer, last: boolean): void {
    const kept = this.end - this.start;
    // Two bytes more: a line end that the last record lacks, and the guard.
    const needed = kept + chunk.length + 2;
    if (this.work.length < needed) {
      const bigger = Buffer.allocUnsafe(Math.max(needed, Math.min(this.work.length * 2, GROWTH_BYTES)));
      this.work.copy(bigger, 0, this.start, this.end);
      this.work = bigger;
    } else if (this.start > 0) this.work.copyWithin(0, this.start, this.end);
    this.base += this.start;
    this.validTo -= this.start;
    this.start = 0;
    this.end = kept + chunk.copy(this.work, kept);
    if (last && this.end > 0 && !this.endsLine()) this.work[this.end++] = LF;
    this.work[this.end] = LF;
    this.validate(last);
  }

  private endsLine(): boolean {
    const byte = this.work[this.end - 1];
    return byte === LF || (byte === CR && this.cr);
  }

  /** Checks the new text for UTF-8, up to a character that the next chunk may complete. */
  private validate(last: boolean): void {
    const to = last ? this.end : this.end - this.partialBytes();
    this.dirty = !isUtf8(this.work.subarray(this.dirty ? this.start : this.validTo, to));
    this.validTo = to;
  }

  private partialBytes(): number {
    const floor = Math.max(this.validTo, this.end - 3);
    for (let i = this.end - 1; i >= floor; i--) {
      const byte = this.work[i] as number;
      if (byte < 0x80) return 0;
      if (byte < 0xc0) continue;
      const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return this.end - i < size ? this.end - i : 0;
    }
    return 0;
  }
}
