import { detectEncoding } from './detect.js';

const SAMPLE_BYTES = 4096;
// Text hardly has a control character besides tabs and line ends, except for one as a delimiter or NUL by accident.
const MOST_CONTROLS = 0.05;
const MOST_DISTINCT = 4;

/** Whether bytes are of no text, in whatever encoding nobody told. */
export function isBinary(head: Buffer): boolean {
  const sample = head.subarray(0, SAMPLE_BYTES);
  const controls = sample.filter((byte) => byte < 0x20 && (byte < 0x09 || byte > 0x0d));
  const many = controls.length > sample.length * MOST_CONTROLS && new Set(controls).size > MOST_DISTINCT;
  // Half of a character in UTF-16 may look like one.
  return many && !detectEncoding(sample, false).value.startsWith('utf-16');
}
