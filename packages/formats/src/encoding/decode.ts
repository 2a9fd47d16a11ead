import { isAscii } from 'node:buffer';
import { formatError } from '../errors.js';
import type { Decoder } from '../types.js';
import { detectEncoding } from './detect.js';

const NONE = Buffer.alloc(0);
/** Stands where bytes could not be decoded: no UTF-8 text has it, so the row is rejected later, never published with a guess. */
const UNDECODABLE = Buffer.from([0xff]);

/** The name that WHATWG gives an encoding label. Throws `encoding.unknown`. */
export function encodingName(label: string): string {
  try {
    const name = new TextDecoder(label).encoding;
    return name === 'gbk' ? 'gb18030' : name;
  } catch (error) {
    throw formatError(
      'encoding.unknown',
      `encoding ${JSON.stringify(label)} is not known: use utf-8, gb18030, big5, utf-16le, utf-16be or another WHATWG label. 无法识别的编码名称`,
      { encoding: label },
      error,
    );
  }
}

/**
 * Text of a chunk, and with `last` of what a decoder still held. Always as a stream: without, Node 20 reads the quotation marks, dashes
 * and euro signs of windows-1252 as control characters.
 */
export const decodeWhole = (decoder: InstanceType<typeof TextDecoder>, chunk: Buffer, last: boolean): string => {
  const text = decoder.decode(chunk, { stream: true });
  return last ? text + decoder.decode() : text;
};

/** Decodes a known encoding. UTF-8 passes through untouched: the scanner validates it. */
export function createDecoder(encoding: string): Decoder {
  if (encoding === 'utf-8') return { encoding, decode: (chunk) => chunk };
  // Not fatal, because a fatal decoder forgets the rest of the chunk; the replacement character marks the place instead.
  const decoder = new TextDecoder(encoding, { ignoreBOM: true });
  return {
    encoding,
    decode(chunk, last) {
      const text = decodeWhole(decoder, chunk, last);
      if (!text.includes('\ufffd')) return Buffer.from(text, 'utf8');
      const parts = text.split('\ufffd').flatMap((part, i) => (i === 0 ? [] : [UNDECODABLE]).concat(Buffer.from(part)));
      return Buffer.concat(parts);
    },
  };
}

/**
 * For a source that began with nothing but ASCII: passes ASCII through and lets the first chunk that has more decide, because a
 * file may hold its first Chinese character after a megabyte of digits. `decided` is told which encoding it is.
 */
export function createLateDecoder(decided: (encoding: string, evidence: string, confidence: number) => void): Decoder {
  let inner: Decoder | undefined;
  return {
    get encoding() {
      return inner?.encoding ?? 'utf-8';
    },
    decode(chunk, last) {
      if (inner === undefined) {
        if (isAscii(chunk)) return chunk;
        const found = detectEncoding(withContext(chunk), last);
        inner = createDecoder(found.value.startsWith('utf-16') ? 'utf-8' : found.value);
        decided(inner.encoding, found.evidence, found.confidence);
      }
      return inner.decode(chunk, last);
    },
  };
}

/** From the first byte beyond ASCII on, so that a mark or pattern at the chunk's start means nothing. */
function withContext(chunk: Buffer): Buffer {
  const first = chunk.findIndex((byte) => byte >= 0x80);
  return first <= 0 ? chunk : chunk.subarray(first - 1);
}

/** Flushes what a decoder still holds. */
export const decodeEnd = (decoder: Decoder): Buffer => decoder.decode(NONE, true);
