import type { TableSchema } from '@songhua/domain';
import type { Session } from '../engine.js';
import { ident, literal } from '../sql.js';
import { RULES } from '../values/rules.js';
import { shown } from './rows.js';
import { renderXlsx } from './xlsx.js';

/** Writes a version file as `format` to `out`: the same bytes for the same file every time. */
export async function renderFile(
  session: Session,
  input: { parquet: string; schema: TableSchema; out: string },
  format: 'csv' | 'ndjson' | 'xlsx',
): Promise<void> {
  const { schema, parquet, out } = input;
  const source = `read_parquet(${literal(parquet)})`;
  if (format === 'xlsx') return renderXlsx(session, input);
  if (format === 'csv') {
    const values = schema.columns
      .map(({ name, type }) => `${RULES[type].text(ident(name))} AS ${ident(name)}`)
      .join(', ');
    return session.run(
      `COPY (SELECT ${values} FROM ${source}) TO ${literal(out)} (FORMAT csv, HEADER true, DELIMITER ',', QUOTE '"', ESCAPE '"', NULLSTR '')`,
    );
  }
  const values = schema.columns
    .map((column) => `${shown(column, ident(column.name))} AS ${ident(column.name)}`)
    .join(', ');
  return session.run(`COPY (SELECT ${values} FROM ${source}) TO ${literal(out)} (FORMAT json, ARRAY false)`);
}
