import { constants, deflateRawSync } from 'node:zlib';

const BLOCK_BYTES = 16 * 1024 * 1024;
/** Ends a deflate stream: a last block with nothing in it. */
const LAST = Buffer.from([3, 0]);

/** A deflate stream of `text` over and over, `bytes` long when unpacked; packing takes the time of one block. */
export function endlessDeflate(text: string, bytes: number): Buffer {
  const block = deflateRawSync(Buffer.alloc(BLOCK_BYTES, text), { finishFlush: constants.Z_FULL_FLUSH });
  return Buffer.concat([...Array.from({ length: Math.ceil(bytes / BLOCK_BYTES) }, () => block), LAST]);
}

export interface BombEntry {
  path: string;
  /** Raw deflate. */
  packed: Buffer;
  /** What the archive says it unpacks to. */
  size: number;
  /** CRC-32 of what it unpacks to; only what is read whole is compared with it. */
  crc?: number;
  /** Points at the bytes of the first entry instead of its own. */
  overlaps?: boolean;
  /** Unix mode. */
  mode?: number;
}

/** A ZIP archive that says what it is told to say. */
export function bombZip(entries: readonly BombEntry[]): Buffer {
  const body: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { path, packed, size, crc = 0, overlaps, mode = 0o100644 } of entries) {
    const name = Buffer.from(path);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(name.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(mode * 0x10000, 6);
    rest.writeUInt32LE(overlaps ? 0 : at, 10);
    central.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, rest, name);
    if (overlaps) continue;
    body.push(Buffer.from('PK\x03\x04', 'latin1'), common, name, packed);
    at += 30 + name.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length & 0xffff, 4);
  end.writeUInt16LE(entries.length & 0xffff, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...body, directory, Buffer.from('PK\x05\x06', 'latin1'), end]);
}
