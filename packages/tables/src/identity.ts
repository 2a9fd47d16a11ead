import type { Column, RowsDigest } from '@songhua/domain';
import type { Session } from './engine.js';
import { ident } from './sql.js';
import { RULES } from './values/rules.js';
import type { Sql } from './values/types.js';

// ASCII unit separator: rare in text, impossible in every other type.
const SEPARATOR = 'chr(31)';
const LOW_64_BITS = '18446744073709551615::UHUGEINT';

const isText = (column: Column): boolean => column.type === 'string' || column.type === 'json';

/**
 * Canonical text of a row: its cells joined by a separator. A row with the separator inside a cell carries lengths instead, behind
 * more separators than a plain row can have, so that two different rows never have the same text. Empty text is never stored, so
 * NULL and '' need no difference.
 */
export function canonicalRow(columns: readonly Column[], value: (column: Column) => Sql = (c) => ident(c.name)): Sql {
  const texts = columns.map((column) => RULES[column.type].canonical(value(column), column));
  const plain = `concat(${texts.join(`, ${SEPARATOR}, `)})`;
  const risky = columns.filter(isText).map(value);
  if (risky.length === 0 || columns.length === 1) return plain;
  const lengths = texts.map((text) => `strlen(${text}), ':', ${text}`).join(', ');
  return `CASE WHEN contains(concat(${risky.join(', ')}), ${SEPARATOR})
    THEN concat(repeat(${SEPARATOR}, ${columns.length}), ${lengths}) ELSE ${plain} END`;
}

/** 128-bit hash of a row, the same on every machine and for every DuckDB. */
export const rowHash = (columns: readonly Column[], value?: (column: Column) => Sql): Sql =>
  `md5_number(${canonicalRow(columns, value)})`;

/** The digest of the rows whose hashes are column `h` of `relation`; independent of their order. */
export async function digestOf(session: Session, relation: string): Promise<RowsDigest> {
  const found = await session.one(`
    SELECT count(*) AS n,
      CAST(COALESCE(sum(CAST(h & ${LOW_64_BITS} AS UBIGINT)), 0) AS VARCHAR) AS lower,
      CAST(COALESCE(sum(CAST(h >> 64 AS UBIGINT)), 0) AS VARCHAR) AS upper
    FROM ${relation}`);
  return { rows: Number(found.n), lower: String(found.lower), upper: String(found.upper) };
}
