import { crc32, deflateRawSync } from 'node:zlib';
import { ZipFile } from 'yazl';

export interface RawEntry {
  name: string | Buffer;
  data?: string | Buffer;
  /** Unix mode in the upper half. */
  attributes?: number;
  flags?: number;
  /** What the directory claims instead of the truth. */
  claimed?: { size?: number; crc?: number };
}

const EMPTY = deflateRawSync('');

/** Writes a ZIP archive byte by byte, with all that a well-meaning writer would refuse to write. */
export function rawZip(entries: RawEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data = '', attributes = 0, flags = 0, claimed = {} } of entries) {
    const path = Buffer.from(name as string);
    const content = Buffer.from(data as string);
    const packed = content.length === 0 ? EMPTY : deflateRawSync(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(claimed.crc ?? crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(claimed.size ?? content.length, 18);
    common.writeUInt16LE(path.length, 22);
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), common, path, packed);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(attributes, 6);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, rest, path);
    offset += 30 + path.length + packed.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length & 0xffff, 8);
  end.writeUInt16LE(entries.length & 0xffff, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, listing, end]);
}

/** Writes a ZIP archive with a library. */
export async function zip(files: Record<string, string | Buffer>): Promise<Buffer> {
  const archive = new ZipFile();
  for (const [name, data] of Object.entries(files)) archive.addBuffer(Buffer.from(data as string), name);
  archive.end();
  const chunks: Buffer[] = [];
  for await (const chunk of archive.outputStream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
