import { uncompressSync } from 'snappy';
import { tooManyBytes } from './errors.js';

// The framing of snappy-java, which Kafka's own client writes; after it two version numbers, then blocks with their lengths.
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;
const LENGTH_BYTES = 4;

/** Framed as snappy-java does, or one bare block as librdkafka writes it. Throws a BatchError beyond `most` bytes, and for broken input. */
export function unpack(packed: Buffer, most: number): Buffer {
  const blocks = packed.subarray(0, XERIAL.length).equals(XERIAL) ? framed(packed) : [packed];
  // Each block says first what it comes to, and the library allocates just that.
  if (blocks.reduce((sum, block) => sum + unpackedBytes(block), 0) > most) throw tooManyBytes(most);
  const parts = blocks.map((block) => uncompressSync(block) as Buffer);
  return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
}

function framed(packed: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER_BYTES; at < packed.length; ) {
    const start = at + LENGTH_BYTES;
    at = start + packed.readUInt32BE(at);
    if (at > packed.length) throw new Error(`its block at byte ${start} ends behind the batch`);
    blocks.push(packed.subarray(start, at));
  }
  return blocks;
}

// A varint of 32 bits.
const LENGTH_VARINT_BYTES = 5;

function unpackedBytes(block: Buffer): number {
  let bytes = 0;
  for (let at = 0; at < LENGTH_VARINT_BYTES; at++) {
    const byte = block.readUInt8(at);
    bytes += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) break;
  }
  return bytes;
}
