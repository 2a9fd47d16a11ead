const OLD_HEADER_BYTES = 12;
const OLD_SIZE_AT = 8;
const LENGTH_VARINT_BYTES = 5;

/** How many records the unpacked bytes of a batch hold, as far as their lengths are whole. */
export function countRecords(records: Buffer): number {
  // Before Kafka 0.11 each begins with its offset of 8 bytes; now with its length, which is never 0.
  const next = records[0] === 0 ? afterOld : after;
  let count = 0;
  for (let at = 0; at < records.length; count++) {
    const end = next(records, at);
    if (end <= at) break;
    at = end;
  }
  return count;
}

const afterOld = (records: Buffer, at: number): number =>
  at + OLD_HEADER_BYTES > records.length ? at : at + OLD_HEADER_BYTES + records.readUInt32BE(at + OLD_SIZE_AT);

function after(records: Buffer, at: number): number {
  let length = 0;
  for (let index = 0; index < LENGTH_VARINT_BYTES; index++) {
    const byte = records[at + index] ?? 0;
    length += (byte & 0x7f) * 2 ** (7 * index);
    // Zigzag, of which only what is not negative is a length.
    if (byte < 0x80) return length % 2 === 0 ? at + index + 1 + length / 2 : at;
  }
  return at;
}
