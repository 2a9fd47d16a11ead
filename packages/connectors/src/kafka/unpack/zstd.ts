import { Decompress } from 'fzstd';
import { tooManyBytes } from './errors.js';

const MAGIC = 0xfd2fb528;
const FLAGS_AT = 4;
const WINDOW_AT = 5;
const SINGLE_SEGMENT = 0x20;
const CHECKSUM = 0x04;
const BLOCK_HEADER_BYTES = 3;
const BLOCK = { raw: 0, rle: 1, packed: 2 };
const MOST_BLOCK_BYTES = 128 * 1024;
const LEAST_WINDOW_LOG = 10;

/** One frame. Throws a BatchError beyond `most` bytes, and for broken input. */
export function unpack(packed: Buffer, most: number): Buffer {
  const frame = narrowed(packed, most);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  const stream = new Decompress((part) => {
    bytes += part.length;
    if (bytes > most) throw tooManyBytes(most);
    parts.push(part);
  });
  stream.push(frame, true);
  return Buffer.concat(parts);
}

/**
 * The frame alone, its window no larger than what its blocks can come to: the library allocates the window, and moves all of it after each
 * block, whatever little is in it, and Kafka's client asks for 2 MiB (at the highest levels 128 MiB) also for a batch of 16 kB.
 */
function narrowed(packed: Buffer, most: number): Buffer {
  if (packed.readUInt32LE(0) !== MAGIC) throw new Error('it is no Zstandard frame');
  const flags = packed.readUInt8(FLAGS_AT);
  const single = (flags & SINGLE_SEGMENT) !== 0;
  const sizeAt = (single ? WINDOW_AT : WINDOW_AT + 1) + ([0, 1, 2, 4][flags & 3] ?? 0);
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0;
  const { bound, end } = measure(packed, sizeAt + sizeBytes);
  const frame = Buffer.from(packed.subarray(0, end + (flags & CHECKSUM ? 4 : 0)));
  if (single) {
    // Such a frame's window is what it says of its size.
    const size = sizeBytes === 8 ? Number(frame.readBigUInt64LE(sizeAt)) : frame.readUIntLE(sizeAt, sizeBytes);
    if (size > most) throw tooManyBytes(most);
    return frame;
  }
  const needed = Math.max(0, Math.ceil(Math.log2(Math.min(bound, most))) - LEAST_WINDOW_LOG);
  if (frame.readUInt8(WINDOW_AT) >> 3 > needed) frame.writeUInt8(needed << 3, WINDOW_AT);
  return frame;
}

/** Walks the headers of the blocks: the most bytes that they can come to, and where the last one ends. */
function measure(frame: Buffer, start: number): { bound: number; end: number } {
  let bound = 0;
  for (let at = start; ; ) {
    const header = frame.readUIntLE(at, BLOCK_HEADER_BYTES);
    const type = (header >> 1) & 3;
    const length = header >> 3;
    bound += type === BLOCK.packed ? MOST_BLOCK_BYTES : length;
    at += BLOCK_HEADER_BYTES + (type === BLOCK.rle ? 1 : length);
    if (header & 1) return { bound, end: at };
  }
}
