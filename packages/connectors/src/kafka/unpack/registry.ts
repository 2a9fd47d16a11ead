import { CompressionCodecs, CompressionTypes } from 'kafkajs';
import { type BatchError, broken, tooManyRecords } from './errors.js';
import { countRecords } from './records.js';

type Unpack = (packed: Buffer, most: number) => Buffer | Promise<Buffer>;

const BATCH_BYTES = 64 * 1024 * 1024;
// kafkajs passes the records of a batch as arguments of one call, of which V8 takes about 120,000 where nothing else is on the stack.
const BATCH_RECORDS = 50_000;
// Of one answer of a broker: kafkajs holds all its records at once, about half a kB each beside their bytes.
const ANSWER_BYTES = 32 * 1024 * 1024;
const ANSWER_RECORDS = 100_000;

/** What was unpacked so far of the answer that lies in a buffer. */
const answers = new WeakMap<ArrayBufferLike, { bytes: number; records: number }>();

/**
 * Makes kafkajs read batches of all codecs, in memory that is bounded whatever they hold. Its registry is one for the process: only how
 * batches are read is put there, and each library is loaded when the first batch needs it.
 */
export function readCompressed(): void {
  const { GZIP, Snappy, LZ4, ZSTD } = CompressionTypes;
  register(GZIP, 'gzip', async () => (await import('./gzip.js')).unpack);
  register(Snappy, 'Snappy', async () => (await import('./snappy.js')).unpack);
  register(LZ4, 'LZ4', async () => (await import('./lz4.js')).unpack);
  register(ZSTD, 'Zstandard', async () => (await import('./zstd.js')).unpack);
}

const registered = new Set<CompressionTypes>();

function register(type: Exclude<CompressionTypes, 0>, name: string, load: () => Promise<Unpack>): void {
  if (registered.has(type)) return;
  registered.add(type);
  const before = CompressionCodecs[type];
  CompressionCodecs[type] = () => ({
    // Of writers, which may not write all that is read.
    compress: (encoder: unknown) => before().compress(encoder),
    decompress: (packed: Buffer) => unpackWithin(packed, name, load),
  });
}

async function unpackWithin(packed: Buffer, name: string, load: () => Promise<Unpack>): Promise<Buffer> {
  const held = answers.get(packed.buffer) ?? { bytes: 0, records: 0 };
  if (held.bytes >= ANSWER_BYTES || held.records >= ANSWER_RECORDS) throw laterBatch();
  const unpacked = await unpackBatch(packed, name, load);
  const records = countRecords(unpacked);
  if (records > BATCH_RECORDS) throw tooManyRecords(records, BATCH_RECORDS);
  answers.set(packed.buffer, { bytes: held.bytes + unpacked.length, records: held.records + records });
  return unpacked;
}

/** kafkajs takes it, by its name, for the cut end of an answer: it hands over the batches before, and fetches from there. */
const laterBatch = (): Error =>
  Object.assign(new Error('this batch is for the next fetch'), { name: 'KafkaJSPartialMessageError' });

async function unpackBatch(packed: Buffer, name: string, load: () => Promise<Unpack>): Promise<Buffer> {
  try {
    const unpack = await load();
    return await unpack(packed, BATCH_BYTES);
  } catch (error) {
    throw (error as Partial<BatchError>).batch === undefined ? broken(name, error) : error;
  }
}
