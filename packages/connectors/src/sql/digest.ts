import { createHash } from 'node:crypto';
import type { Cell } from './types.js';

const WORDS = 8;

/** Fingerprint of rows as a multiset: equal rows count, their order does not, because sources give none. */
export interface RowsDigest {
  add(row: Cell[]): void;
  /** `<rows>:<hex>` */
  value(): string;
}

export function createRowsDigest(): RowsDigest {
  const sum = new Uint32Array(WORDS);
  let rows = 0;
  return {
    add(row) {
      rows++;
      const hash = createHash('sha256').update(JSON.stringify(row)).digest();
      for (let word = 0; word < WORDS; word++) sum[word] = (sum[word] as number) + hash.readUInt32LE(word * 4);
    },
    value: () => `${rows}:${[...sum].map((word) => word.toString(16).padStart(8, '0')).join('')}`,
  };
}
