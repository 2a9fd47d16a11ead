import { isUtf8 } from 'node:buffer';

/** A rejected row keeps at most this many characters. */
const RAW_CHARS = 2000;

/** Bytes of a row as text of at most 2,000 characters; bytes that are not UTF-8 are shown as `\xHH`, so nothing is guessed. */
export function rawText(bytes: Buffer): string {
  // No UTF-8 character is longer than four bytes.
  let cut = bytes.subarray(0, RAW_CHARS * 4);
  if (cut.length < bytes.length)
    while (cut.length > 0 && ((cut[cut.length - 1] as number) & 0xc0) === 0x80) cut = cut.subarray(0, -1);
  const text = isUtf8(cut) ? cut.toString('utf8') : escaped(cut);
  return text.length <= RAW_CHARS ? text : text.slice(0, RAW_CHARS);
}

function escaped(bytes: Buffer): string {
  let text = '';
  for (let i = 0; i < bytes.length && text.length < RAW_CHARS; ) {
    const size = characterSize(bytes, i);
    if (size === 0) text += `\\x${(bytes[i++] as number).toString(16).padStart(2, '0')}`;
    else {
      text += bytes.toString('utf8', i, i + size);
      i += size;
    }
  }
  return text;
}

/** Position of the first byte that is no UTF-8. */
export function firstInvalid(bytes: Buffer): number {
  let at = 0;
  for (let size = 1; at < bytes.length && size > 0; at += size) size = characterSize(bytes, at);
  return at;
}

function characterSize(bytes: Buffer, at: number): number {
  const first = bytes[at] as number;
  const size = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  return isUtf8(bytes.subarray(at, at + size)) && at + size <= bytes.length ? size : 0;
}
