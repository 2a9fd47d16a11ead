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
 * The identity of a version (I3): SHA-256 over what its schema says of the columns (name, type, whether a value may be missing, title), its
 * key and the digest of its rows, as `sha256:<hex>`. Nothing of the run that made it enters: no time, no sync id, no file bytes.
 */
export const versionIdentity = (schema: TableSchema, digest: RowsDigest): string =>
  identityOf(['songhua.version/2', described(schema), schema.primaryKey], digest);

/**
 * The identity of what would come after `previous`: that version's own where it is the same. One that was made before titles counted keeps
 * the identity that it was given, so that nothing is published twice because identities are made in another way.
 */
export function identityAfter(
  previous: { identity: string; schema: TableSchema } | undefined,
  schema: TableSchema,
  digest: RowsDigest,
): string {
  const asBefore = (): string =>
    identityOf(['songhua.version/1', schema.columns.map(({ name, type }) => [name, type]), schema.primaryKey], digest);
  return previous && sameText(described(previous.schema), described(schema)) && previous.identity === asBefore()
    ? previous.identity
    : versionIdentity(schema, digest);
}

const described = ({ columns }: TableSchema): unknown[] =>
  columns.map(({ name, type, nullable, title }) => [name, type, nullable, title ?? null]);

const sameText = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

function identityOf(schema: unknown[], { rows, lower, upper }: RowsDigest): string {
  const canonical = JSON.stringify([...schema, rows, lower, upper]);
  return `sha256:${createHash('sha256').update(canonical).digest('hex')}`;
}
