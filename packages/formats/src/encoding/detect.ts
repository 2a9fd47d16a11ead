import { isAscii, isUtf8 } from 'node:buffer';
import type { Decision } from '../types.js';

export interface EncodingGuess extends Decision {
  what: 'encoding';
  /** Bytes of the byte order mark. */
  bom: number;
  /** Nothing but ASCII was seen: the first other byte decides. */
  undecided: boolean;
}

/** Evidence of an encoding that nothing beyond ASCII has put to the test. */
export const ONLY_ASCII = 'only ASCII so far';

const guess = (
  value: string,
  evidence: string,
  confidence: number,
  more: Partial<EncodingGuess> = {},
): EncodingGuess => ({
  what: 'encoding',
  value,
  evidence,
  confidence,
  bom: 0,
  undecided: false,
  ...more,
});

const MARKS: { encoding: string; bytes: number[] }[] = [
  { encoding: 'utf-8', bytes: [0xef, 0xbb, 0xbf] },
  { encoding: 'utf-16le', bytes: [0xff, 0xfe] },
  { encoding: 'utf-16be', bytes: [0xfe, 0xff] },
];

/** Length of the byte order mark of `encoding` at the start of `sample`. */
export function markLength(sample: Buffer, encoding: string): number {
  const mark = MARKS.find((m) => m.encoding === encoding);
  return mark?.bytes.every((byte, i) => sample[i] === byte) ? mark.bytes.length : 0;
}

/**
 * Finds the encoding of a sample: byte order mark, NUL pattern of UTF-16, valid UTF-8, then the share of pairs that are common
 * characters in GB 18030 and in Big5. `whole` says that nothing follows the sample.
 */
export function detectEncoding(sample: Buffer, whole: boolean): EncodingGuess {
  for (const { encoding } of MARKS) {
    const bom = markLength(sample, encoding);
    if (bom > 0) return guess(encoding, 'byte order mark', 1, { bom });
  }
  const wide = utf16Pattern(sample);
  if (wide !== undefined) return wide;
  if (isAscii(sample)) return guess('utf-8', ONLY_ASCII, 0.9, { undecided: !whole });
  const complete = whole ? sample : withoutPartial(sample);
  if (isUtf8(complete)) return byChance(complete) ?? guess('utf-8', 'valid UTF-8 beyond ASCII', 0.99);
  const { share, mixed } = utf8Share(sample);
  if (mixed || share > 0.5) {
    return guess('utf-8', `${Math.round(share * 100)} % of what is not ASCII is valid UTF-8`, mixed ? 0.5 : share);
  }
  return legacy(sample);
}

// Latin, Greek and Cyrillic letters as people use them; what else UTF-8 writes in two bytes is rare beside ASCII alone.
const ODD_LETTERS = /[\u0180-\u036f\u0460-\u07ff]/u;
const LONG_CHARACTERS = /[\u0800-\u{10ffff}]/u;
const SURELY_COMMON = 0.95;

/** A few characters of two bytes that are valid UTF-8 by chance: 学校 in GB 18030 is ѧУ in UTF-8, which nobody writes. */
function byChance(sample: Buffer): EncodingGuess | undefined {
  const text = sample.toString('utf8');
  if (LONG_CHARACTERS.test(text) || !ODD_LETTERS.test(text)) return undefined;
  const found = legacy(sample);
  return found.value !== 'windows-1252' && found.confidence >= SURELY_COMMON ? found : undefined;
}

// Legacy text hardly ever holds a valid sequence of three bytes; beyond this share some of the text is UTF-8.
const MIXED_SHARE = 0.1;
const FEWEST_MIXED = 4;

/**
 * Share of valid UTF-8 sequences among all that is not ASCII. `mixed`: there is real UTF-8 beside something else, which no single
 * encoding reads, so that reading it as UTF-8 names the first place that is not.
 */
function utf8Share(sample: Buffer): { share: number; mixed: boolean } {
  let long = 0;
  let short = 0;
  let bad = 0;
  for (let i = 0; i < sample.length; ) {
    const lead = sample[i] as number;
    if (lead < 0x80) {
      i++;
      continue;
    }
    const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (i + size > sample.length) break;
    const good = isUtf8(sample.subarray(i, i + size));
    if (!good) bad++;
    else if (size === 2) short++;
    else long++;
    i += good ? size : 1;
  }
  // Two-byte sequences come about by chance in GB 18030, so they count little.
  return {
    share: (long + 0.3 * short) / Math.max(1, long + short + bad),
    mixed: long >= FEWEST_MIXED && long / (long + bad) > MIXED_SHARE,
  };
}

/** Without a character that the end of the sample may have cut. */
function withoutPartial(sample: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, sample.length); back++) {
    const byte = sample[sample.length - back] as number;
    if (byte >= 0xc0) return sample.subarray(0, sample.length - back);
    if (byte < 0x80) break;
  }
  return sample;
}

// Delimiters, digits and line ends are ASCII, so in UTF-16 a good part of the bytes on one side is zero.
const WIDE_SHARE = 0.2;

function utf16Pattern(sample: Buffer): EncodingGuess | undefined {
  const length = Math.min(sample.length & ~1, 4096);
  if (length < 4) return undefined;
  let low = 0;
  let high = 0;
  for (let i = 0; i < length; i += 2) {
    if (sample[i] === 0) high++;
    if (sample[i + 1] === 0) low++;
  }
  const pairs = length / 2;
  if (low / pairs > WIDE_SHARE && high / pairs < 0.01) return guess('utf-16le', 'every other byte is often zero', 0.9);
  if (high / pairs > WIDE_SHARE && low / pairs < 0.01) return guess('utf-16be', 'every other byte is often zero', 0.9);
  return undefined;
}

interface PairCounts {
  pairs: number;
  gbCommon: number;
  gbBad: number;
  big5Common: number;
  big5Bad: number;
  /** High bytes with an ASCII letter on each side: accented letters rather than halves of a character. */
  lone: number;
}

function legacy(sample: Buffer): EncodingGuess {
  const c = countPairs(sample);
  const gb = (c.gbCommon - 3 * c.gbBad) / Math.max(1, c.pairs);
  const big5 = (c.big5Common - 3 * c.big5Bad) / Math.max(1, c.pairs);
  const share = (value: number) => `${Math.round(Math.max(0, value) * 100)} %`;
  if (Math.max(gb, big5) < 0.5 && (c.lone > 0 || Math.min(c.gbBad, c.big5Bad) > c.pairs * 0.3)) {
    return guess('windows-1252', `single bytes beyond ASCII (GB ${share(gb)}, Big5 ${share(big5)})`, 0.6);
  }
  // In Big5 text about half of the second bytes are ASCII, which GB 2312 never has; the reverse shows in rare Big5 rows.
  if (big5 > gb + 0.1) {
    return guess(
      'big5',
      `${share(big5)} of the pairs are common in Big5, ${share(gb)} in GB 18030`,
      Math.min(0.95, big5),
    );
  }
  return guess(
    'gb18030',
    `${share(gb)} of the pairs are common in GB 18030, ${share(big5)} in Big5`,
    Math.max(0.5, Math.min(0.95, gb)),
  );
}

function countPairs(sample: Buffer): PairCounts {
  const c: PairCounts = { pairs: 0, gbCommon: 0, gbBad: 0, big5Common: 0, big5Bad: 0, lone: 0 };
  for (let i = 0; i + 1 < sample.length; ) {
    const lead = sample[i] as number;
    if (lead < 0x80) {
      i++;
      continue;
    }
    const trail = sample[i + 1] as number;
    c.pairs++;
    if (isLetter(sample[i - 1]) && (trail < 0x40 || isLetter(trail))) c.lone++;
    const four = trail >= 0x30 && trail <= 0x39 && (sample[i + 2] ?? 0x81) >= 0x81;
    const gbValid = lead >= 0x81 && lead <= 0xfe && ((trail >= 0x40 && trail !== 0x7f && trail !== 0xff) || four);
    if (!gbValid) c.gbBad++;
    else if (trail >= 0xa1 && ((lead >= 0xb0 && lead <= 0xd7) || (lead >= 0xa1 && lead <= 0xa3))) c.gbCommon++;
    const big5Trail = (trail >= 0x40 && trail <= 0x7e) || (trail >= 0xa1 && trail <= 0xfe);
    if (lead < 0xa1 || lead > 0xf9 || !big5Trail) c.big5Bad++;
    else if (lead >= 0xa4 && lead <= 0xc6) c.big5Common++;
    else if (lead === 0xa1) c.big5Common++;
    i += four && trail < 0x40 ? 4 : trail < 0x30 ? 1 : 2;
  }
  return c;
}

const isLetter = (byte: number | undefined): boolean =>
  byte !== undefined && ((byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a));
