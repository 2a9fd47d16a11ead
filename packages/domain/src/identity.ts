import { createHash } from 'node:crypto';
import type { TableSchema } from './schema.js';

/**
 * Order-independent digest of a table's rows: the exact sums of the lower and upper 64 bits of each canonical row's hash,
 * as decimal text, and the number of rows. Two tables with the same rows in any order, duplicates counted, have the same digest.
 */
export interface RowsDigest {
  rows: number;
  lower: string;
  upper: string;
}

/**
 * The identity of a version (I3): SHA-256 over the canonical schema and the digest of its rows, as `sha256:<hex>`.
 * Nothing of the run that made it enters: no time, no sync id, no file bytes.
 */
export function versionIdentity(schema: TableSchema, digest: RowsDigest): string {
  const canonical = JSON.stringify([
    'songhua.version/1',
    schema.columns.map((c) => [c.name, c.type]),
    schema.primaryKey,
    digest.rows,
    digest.lower,
    digest.upper,
  ]);
  return `sha256:${createHash('sha256').update(canonical).digest('hex')}`;
}
