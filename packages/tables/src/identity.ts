import type { Column, RowsDigest } from '@songhua/domain';
import type { Session } from './engine.js';
import { ident, literal } from './sql.js';
import { RULES } from './values/rules.js';
import type { Sql } from './values/types.js';

// ASCII unit separator: rare in text, impossible in every other type.
const SEPARATOR = 'chr(31)';
const LOW_64_BITS = '18446744073709551615::UHUGEINT';

type Value = (column: Column) => Sql;
const own: Value = (column) => ident(column.name);

const isText = (column: Column): boolean => column.type === 'string' || column.type === 'json';

const texts = (columns: readonly Column[], value: Value): Sql[] =>
  columns.map((column) => RULES[column.type].canonical(value(column)));

const joined = (columns: readonly Column[], value: Value): Sql =>
  `concat(${texts(columns, value).join(`, ${SEPARATOR}, `)})`;

/** Whether a text cell of the row holds the separator; undefined when none can, or when one column needs no separator. */
function ambiguous(columns: readonly Column[], value: Value): Sql | undefined {
  const risky = columns.filter(isText).map(value);
  return risky.length === 0 || columns.length === 1 ? undefined : `contains(concat(${risky.join(', ')}), ${SEPARATOR})`;
}

/**
 * Canonical text of a row: its cells joined by a separator. A row with the separator inside a cell is a JSON array instead, which
 * escapes it and so has none, where every other row has some: two different rows never have the same text. Empty text is never
 * stored, so NULL and '' need no difference.
 */
function canonicalRow(columns: readonly Column[], value: Value): Sql {
  const risk = ambiguous(columns, value);
  const plain = joined(columns, value);
  return risk
    ? `CASE WHEN ${risk} THEN CAST(to_json([${texts(columns, value).join(', ')}]) AS VARCHAR) ELSE ${plain} END`
    : plain;
}

/** 128-bit hash of a row, the same on every machine. */
export const rowHash = (columns: readonly Column[], value: Value = own): Sql =>
  `md5_number(${canonicalRow(columns, value)})`;

/** The digest of a file's rows; independent of their order. */
export async function digestOfFile(
  session: Session,
  file: { path: string; columns: readonly Column[] },
): Promise<RowsDigest> {
  const { columns, path } = file;
  // Hardly any table holds a separator, and the short statement is half the cost of a small one.
  const short = await digest(session, path, `md5_number(${joined(columns, own)})`, ambiguous(columns, own) ?? 'false');
  return short.ambiguous ? (await digest(session, path, rowHash(columns), 'false')).digest : short.digest;
}

async function digest(
  session: Session,
  path: string,
  hash: Sql,
  risk: Sql,
): Promise<{ digest: RowsDigest; ambiguous: boolean }> {
  const found = await session.one(`
    SELECT count(*) AS n, COALESCE(bool_or(r), false) AS risk,
      CAST(COALESCE(sum(CAST(h & ${LOW_64_BITS} AS UBIGINT)), 0) AS VARCHAR) AS lower,
      CAST(COALESCE(sum(CAST(h >> 64 AS UBIGINT)), 0) AS VARCHAR) AS upper
    FROM (SELECT ${hash} AS h, ${risk} AS r FROM read_parquet(${literal(path)}))`);
  return {
    digest: { rows: Number(found.n), lower: String(found.lower), upper: String(found.upper) },
    ambiguous: found.risk === true,
  };
}
