import { createHash } from 'node:crypto';
import type { Cell } from './types.js';

const LANES = 8;

/** Fingerprint of rows as a multiset: equal rows count, their order does not, because sources give none. */
export interface RowsDigest {
  add(row: Cell[]): void;
  /** `<rows>:<hex>` */
  value(): string;
}

export function createRowsDigest(): RowsDigest {
  const sum = new Uint32Array(LANES);
  let rows = 0;
  return {
    add(row) {
      rows++;
      const hash = createHash('sha256').update(JSON.stringify(row)).digest();
      for (let lane = 0; lane < LANES; lane++) sum[lane] = (sum[lane] as number) + hash.readUInt32LE(lane * 4);
    },
    value: () => `${rows}:${[...sum].map((lane) => lane.toString(16).padStart(8, '0')).join('')}`,
  };
}
