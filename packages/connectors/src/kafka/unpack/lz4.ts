import { decompressFrameSync } from 'lz4-napi';
import { tooManyBytes } from './errors.js';

const MAGIC = 0x184d2204;
const FLAGS_AT = 4;
const BLOCK_CHECKSUMS = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;
const STORED = 0x8000_0000;

/** One frame. Throws a BatchError where its blocks may come to more than `most` bytes, and for broken input. */
export function unpack(packed: Buffer, most: number): Buffer {
  // The library has no limit of its own, but holds every block to the size that the frame says.
  const { blocks, blockBytes, end } = measure(packed);
  if ((blocks - 1) * blockBytes > most) throw tooManyBytes(most);
  const unpacked = decompressFrameSync(packed.subarray(0, end));
  if (unpacked.length > most) throw tooManyBytes(most);
  return unpacked;
}

/** What a frame's header and the lengths of its blocks say. */
function measure(frame: Buffer): { blocks: number; blockBytes: number; end: number } {
  if (frame.readUInt32LE(0) !== MAGIC) throw new Error('it is no LZ4 frame');
  const flags = frame.readUInt8(FLAGS_AT);
  if (flags & DICTIONARY) throw new Error('it needs a dictionary');
  // 4 to 7: 64 KiB, 256 KiB, 1 MiB, 4 MiB.
  const blockBytes = 2 ** (8 + 2 * ((frame.readUInt8(FLAGS_AT + 1) >> 4) & 7));
  const checksum = flags & BLOCK_CHECKSUMS ? 4 : 0;
  let at = FLAGS_AT + 3 + (flags & CONTENT_SIZE ? 8 : 0);
  for (let blocks = 0; ; blocks++) {
    const length = frame.readUInt32LE(at);
    at += 4;
    if (length === 0) return { blocks, blockBytes, end: at + (flags & CONTENT_CHECKSUM ? 4 : 0) };
    at += (length >= STORED ? length - STORED : length) + checksum;
  }
}
