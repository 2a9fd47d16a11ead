import { gzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { compressFrameSync } from 'lz4-napi';
import { compressSync } from 'snappy';
import { countRecords } from './records.js';
import { readCompressed } from './registry.js';

readCompressed();
const { GZIP, Snappy, LZ4, ZSTD } = CompressionTypes;
// Each in memory of its own, as each answer of a broker is.
const unpack = (type: CompressionTypes, packed: Buffer): Promise<Buffer> =>
  CompressionCodecs[type as typeof GZIP]().decompress(Buffer.from(new Uint8Array(packed).buffer));

const MIB = 1024 * 1024;
const TEXT = Buffer.from('道里区 南岗区 香坊区 '.repeat(20_000));
const ZEROS = Buffer.alloc(80 * MIB);

const uint32be = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const xerial = (...blocks: Buffer[]): Buffer =>
  Buffer.concat([
    Buffer.from('82534e4150505900', 'hex'),
    uint32be(1),
    uint32be(1),
    ...blocks.flatMap((block) => [uint32be(block.length), block]),
  ]);

/** A frame of Zstandard whose blocks are each one byte repeated 131,072 times; with its size, it is one segment. */
function zstdZeros(blocks: number, size?: bigint): Buffer {
  const header = Buffer.alloc(size === undefined ? 6 : 13);
  header.writeUInt32LE(0xfd2fb528);
  header.writeUInt8(size === undefined ? 0 : 0xe0, 4);
  if (size === undefined) header.writeUInt8(17 << 3, 5);
  else header.writeBigUInt64LE(size, 5);
  const body = Buffer.alloc(4 * blocks);
  for (let block = 0; block < blocks; block++)
    body.writeUIntLE((131_072 << 3) | (1 << 1) | (block === blocks - 1 ? 1 : 0), 4 * block, 3);
  return Buffer.concat([header, body]);
}

test('Snappy is read framed, in several blocks, and bare', async () => {
  const [first, second] = [TEXT.subarray(0, 1000), TEXT.subarray(1000)];
  expect(TEXT.equals(await unpack(Snappy, xerial(compressSync(first), compressSync(second))))).toBe(true);
  expect(TEXT.equals(await unpack(Snappy, compressSync(TEXT)))).toBe(true);
});

test('LZ4 frames are read with and without checksums, and what follows them is not', async () => {
  expect(TEXT.equals(await unpack(LZ4, compressFrameSync(TEXT)))).toBe(true);
  const checked = compressFrameSync(TEXT, { contentChecksum: true, blockChecksums: true });
  expect(TEXT.equals(await unpack(LZ4, Buffer.concat([checked, compressFrameSync(TEXT)])))).toBe(true);
});

test('Zstandard frames are read whatever window they ask for', async () => {
  const zeros = await unpack(ZSTD, zstdZeros(3));
  expect(zeros.equals(Buffer.alloc(3 * 131_072))).toBe(true);
  expect(await unpack(ZSTD, zstdZeros(2, 2n * 131_072n))).toHaveLength(2 * 131_072);
});

test.each([
  ['gzip', GZIP, gzipSync(ZEROS)],
  ['Snappy that says so', Snappy, Buffer.from([0x80, 0x80, 0x80, 0x80, 0x0f, 0])],
  ['Snappy in small blocks', Snappy, xerial(...Array.from({ length: 80 }, () => compressSync(ZEROS.subarray(0, MIB))))],
  ['LZ4', LZ4, compressFrameSync(ZEROS)],
  ['Zstandard', ZSTD, zstdZeros(1000)],
  ['Zstandard that says so', ZSTD, zstdZeros(1, 2n ** 40n)],
])(
  'a batch that comes to more than 64 MiB ends in an error before it takes that memory: %s',
  async (_, type, packed) => {
    const before = process.memoryUsage.rss();
    await expect(unpack(type, packed)).rejects.toMatchObject({ batch: 'source.too-large', retriable: false });
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 * MIB);
  },
);

test('a batch of more messages than kafkajs can take is an error that tells how many they are', async () => {
  const record = Buffer.from([2 * 6, 0, 0, 0, 1, 1, 0]);
  const many = gzipSync(Buffer.alloc(50_001 * record.length, record));
  await expect(unpack(GZIP, many)).rejects.toMatchObject({
    batch: 'source.too-large',
    message: expect.stringContaining('50001 messages'),
  });
});

test('messages of both formats of Kafka are counted, and broken lengths end the count', () => {
  const old = Buffer.concat([Buffer.alloc(8), uint32be(3), Buffer.from('abc')]);
  expect(countRecords(Buffer.concat([old, old]))).toBe(2);
  expect(countRecords(Buffer.concat([old, old.subarray(0, 10)]))).toBe(1);
  const long = Buffer.concat([Buffer.from([0x90, 0x03]), Buffer.alloc(200)]);
  expect(countRecords(Buffer.concat([long, long, long]))).toBe(3);
  for (const broken of [[], [1], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80]])
    expect(countRecords(Buffer.from(broken))).toBe(0);
});

test.each([
  ['gzip', GZIP, gzipSync(TEXT)],
  ['Snappy', Snappy, xerial(compressSync(TEXT))],
  ['LZ4', LZ4, compressFrameSync(TEXT)],
  ['Zstandard', ZSTD, zstdZeros(3)],
])('a batch that is cut or of another kind is an error that names its codec: %s', async (name, type, packed) => {
  const unreadable = { batch: 'source.unreadable', retriable: false, message: expect.stringContaining(name) };
  for (const wrong of [packed.subarray(0, packed.length / 2), Buffer.from('{"id":1}'), Buffer.alloc(0)])
    await expect(unpack(type, wrong)).rejects.toMatchObject(unreadable);
});

test('what the batches of one answer come to is bounded, and those before the bound are kept', async () => {
  const batch = gzipSync(Buffer.alloc(20 * MIB, 1));
  const answer = Buffer.from(new Uint8Array(Buffer.concat([batch, batch, batch])).buffer);
  const part = (index: number) => answer.subarray(index * batch.length, (index + 1) * batch.length);
  const { decompress } = CompressionCodecs[GZIP]();
  expect(await decompress(part(0))).toHaveLength(20 * MIB);
  expect(await decompress(part(1))).toHaveLength(20 * MIB);
  await expect(decompress(part(2))).rejects.toMatchObject({ name: 'KafkaJSPartialMessageError' });
});
