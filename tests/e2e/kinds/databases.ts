import { join } from 'node:path';
import { mysqlFixture, postgresFixture } from '@songhua/connectors/testing';
import Database from 'libsql';
import type { KindDocument } from './document.js';
import { type Source, type StartSources, type Table, tableFor } from './source.js';

interface Dialect {
  quote(name: string): string;
  /** Type of a time with microseconds. */
  time: string;
  text: string;
  /** A published time as this database is told it. */
  literal(time: string): string;
}

const DELETED = 3;
// Local times, as most departments' systems keep them.
const withoutOffset = (time: string): string => time.replace('T', ' ').replace('+08:00', '');
// Eight rows share each, to the microsecond.
const momentOf = (row: number): string => `2026-03-0${1 + Math.floor(row / 8)}T08:00:00.123456+08:00`;

/** Statements that make the table which the document's config names, and what is to be published of it. */
function sourceTable(document: KindDocument, dialect: Dialect): { statements: string[]; table: Table } {
  const config = document.connector.spec.config as {
    table: string;
    columns?: string[];
    cursor?: { column: string };
    softDelete?: { column: string };
  };
  const key = document.dataset.spec.primaryKey;
  const base = tableFor(document);
  const cursor = config.cursor?.column;
  const mark = config.softDelete?.column;
  const all = [...new Set([...(config.columns ?? base.columns), ...(cursor ? [cursor] : []), ...(mark ? [mark] : [])])];
  const isTime = (column: string): boolean => column === cursor || column.endsWith('_at');
  const cellOf = (column: string, row: number): string => {
    if (column === mark) return row < base.rows.length ? '' : momentOf(row);
    if (isTime(column)) return momentOf(row);
    const known = base.columns.indexOf(column);
    return known < 0 ? `${column}, "第${row}"` : (base.rows[row]?.[known] ?? `${column}-${row}`);
  };
  const rowsOf = (columns: string[], count: number): string[][] =>
    Array.from({ length: count }, (_, row) => columns.map((column) => cellOf(column, row)));
  const { quote } = dialect;
  const typeOf = (column: string): string => {
    if (isTime(column)) return dialect.time;
    return column === '编码' ? 'bigint' : dialect.text;
  };
  const literalOf = (column: string, value: string): string => {
    if (value === '' || (column === '编码' && !/^\d+$/.test(value))) return 'NULL';
    return `'${(isTime(column) ? dialect.literal(value) : value).replaceAll("'", "''")}'`;
  };
  const rows = rowsOf(all, base.rows.length + (mark ? DELETED : 0));
  const values = rows.map((row) => `(${row.map((value, at) => literalOf(all[at] ?? '', value)).join(', ')})`);
  const published = config.columns ?? all.filter((column) => column !== mark);
  return {
    statements: [
      `CREATE TABLE ${quote(config.table)} (${all.map((column) => `${quote(column)} ${typeOf(column)}`).join(', ')}, PRIMARY KEY (${key.map(quote).join(', ')}))`,
      `INSERT INTO ${quote(config.table)} VALUES ${values.join(', ')}`,
    ],
    table: { columns: published, rows: rowsOf(published, base.rows.length) },
  };
}

const server =
  (
    kind: 'postgres' | 'mysql',
    open: typeof postgresFixture,
    dialect: Pick<Dialect, 'text' | 'literal'>,
  ): StartSources =>
  async ({ document }) => {
    const fixture = await open();
    const { statements, table } = sourceTable(document, { ...dialect, quote: fixture.quote, time: fixture.time });
    await fixture.execute(...statements);
    const { host, database, ...more } = fixture.config;
    const source: Source = {
      kind,
      title: 'a table',
      config: { host, database },
      more,
      secrets: fixture.secrets,
      table,
    };
    return { sources: [source], stop: () => fixture.close() };
  };

export const postgres = server('postgres', postgresFixture, { text: 'text', literal: (time) => time });
export const mysql = server('mysql', mysqlFixture, { text: 'varchar(200)', literal: withoutOffset });

/** An SQLite file below an allowed folder. */
export const sqlite: StartSources = async ({ folder, document }) => {
  const { statements, table } = sourceTable(document, {
    quote: (name) => `"${name.replaceAll('"', '""')}"`,
    time: 'timestamp',
    text: 'text',
    literal: withoutOffset,
  });
  const path = join(folder, 'source.db');
  const database = new Database(path);
  for (const statement of statements) database.exec(statement);
  database.close();
  const source: Source = { kind: 'sqlite', title: 'a table', config: { path }, secrets: {}, table };
  return { sources: [source], stop: async () => undefined };
};
