import { formatError } from '../errors.js';
import { localName, type Package, streamPart } from './parts.js';

export interface SharedStrings {
  get(index: number): string | undefined;
}

const BLOCK_BYTES = 4 * 1024 * 1024;
const NONE: SharedStrings = { get: () => undefined };
// `_x000D_` is how a workbook writes a character that XML may not hold.
const ESCAPE = /_x([0-9A-Fa-f]{4})_/g;

export const unescapeText = (text: string): string =>
  text.includes('_x') ? text.replace(ESCAPE, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : text;

/** The distinct texts of a workbook as UTF-8 in a few large blocks. Throws `limit.shared-bytes`. */
export async function readSharedStrings(file: Package, part: string | undefined): Promise<SharedStrings> {
  if (part === undefined) return NONE;
  const store = new TextStore(file.name, file.limits.sharedBytes);
  let text = '';
  let inText = false;
  let phonetic = false;
  const handler = {
    open(name: string) {
      const local = localName(name);
      if (local === 'si') text = '';
      else if (local === 't') inText = true;
      else if (local === 'rPh') phonetic = true;
    },
    text(piece: string) {
      // How a name is pronounced is stored beside it and not shown.
      if (inText && !phonetic) text += piece;
    },
    close(name: string) {
      const local = localName(name);
      if (local === 't') inText = false;
      else if (local === 'rPh') phonetic = false;
      else if (local === 'si') store.add(unescapeText(text));
    },
  };
  for await (const _ of streamPart(file, part, handler));
  return store;
}

class TextStore implements SharedStrings {
  private readonly blocks: Buffer[] = [];
  private used = 0;
  private starts = new Float64Array(1024);
  private count = 0;
  private base = 0;

  constructor(
    private readonly name: string,
    private readonly limit: number,
  ) {}

  add(text: string): void {
    const size = Buffer.byteLength(text);
    let block = this.blocks.at(-1);
    if (block === undefined || block.length - this.used < size) {
      if (block !== undefined) this.base += block.length;
      block = Buffer.allocUnsafe(Math.max(BLOCK_BYTES, size));
      this.blocks.push(block);
      this.used = 0;
      if (this.base + block.length + this.starts.byteLength > this.limit + BLOCK_BYTES) throw this.tooMany();
    }
    // Two numbers a text: its block with the offset in it, and its size.
    if (this.count + 2 > this.starts.length) {
      const longer = new Float64Array(this.starts.length * 2);
      longer.set(this.starts);
      this.starts = longer;
      if (this.base + longer.byteLength > this.limit + BLOCK_BYTES) throw this.tooMany();
    }
    this.starts[this.count++] = (this.blocks.length - 1) * 2 ** 32 + this.used;
    this.starts[this.count++] = size;
    this.used += block.write(text, this.used, 'utf8');
  }

  get(index: number): string | undefined {
    if (!Number.isInteger(index) || index < 0 || index * 2 >= this.count) return undefined;
    const place = this.starts[index * 2] as number;
    const from = place % 2 ** 32;
    return this.blocks[Math.floor(place / 2 ** 32)]?.toString(
      'utf8',
      from,
      from + (this.starts[index * 2 + 1] as number),
    );
  }

  private tooMany(): Error {
    return formatError(
      'limit.shared-bytes',
      `${this.name} holds more than ${this.limit} bytes of distinct texts: split it, send it as CSV, or raise the limit. 工作簿文字过多`,
      { file: this.name, limit: this.limit },
    );
  }
}
