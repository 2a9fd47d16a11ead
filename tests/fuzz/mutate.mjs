/** A generator of numbers from 0 to `below`, the same for the same seed (mulberry32). */
export function randomOf(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const NUMBERS = ['0', '-1', '65536', '4294967296', '99999999999999999999', '1e999'].map((text) => Buffer.from(text));
// Larger inputs cost time and find nothing that smaller ones do not.
const LARGEST = 16 * 1024;

/** `input` with one to eight changes: bits, bytes, words of `dictionary`, pieces of itself and of `other` moved, repeated or cut. */
export function mutate(input, other, dictionary, random) {
  let bytes = Buffer.from(input);
  const words = [...dictionary, ...NUMBERS];
  const piece = (from) => {
    const start = random(from.length + 1);
    return from.subarray(start, Math.min(from.length, start + 1 + random(64)));
  };
  const insert = (at, what) => {
    bytes = Buffer.concat([bytes.subarray(0, at), what, bytes.subarray(at)]);
  };
  for (let left = 1 + random(8); left > 0; left--) {
    const at = random(bytes.length + 1);
    const kind = random(9);
    if (kind === 0 && at < bytes.length) bytes[at] ^= 1 << random(8);
    else if (kind === 1 && at < bytes.length) bytes[at] = random(256);
    else if (kind === 2) insert(at, words[random(words.length)]);
    else if (kind === 3) words[random(words.length)].copy(bytes, at);
    else if (kind === 4) insert(at, piece(bytes));
    else if (kind === 5) insert(at, piece(other));
    else if (kind === 6) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(32))]);
    else if (kind === 7) insert(at, Buffer.concat(Array(1 + random(200)).fill(piece(bytes))));
    else bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(random(other.length + 1))]);
  }
  return bytes.subarray(0, LARGEST);
}
