import type { SyncRange } from '@songhua/contracts';
import type { SqlReading } from './config.js';
import { assertEnclosed } from './enclosed.js';
import type { SqlColumn, SqlDialect, SqlSource, Statement } from './types.js';

const QUERY = 'songhua_source';

/** The table or query that a config names; undefined when it names none. */
export function sourceOf(
  config: Pick<SqlReading, 'schema' | 'table' | 'query'>,
  dialect: SqlDialect,
): SqlSource | undefined {
  if (config.table !== undefined) {
    const parts = [...(config.schema === undefined ? [] : [config.schema]), config.table];
    const from = parts.map((part) => dialect.quote(part)).join('.');
    return { from, name: parts.join('.') };
  }
  return config.query === undefined ? undefined : wrapped(config.query.replace(/[;\s]+$/, ''), 'query', dialect);
}

/** A query inside the one statement that is read. Its end stands on a line of its own, so that no comment swallows it. */
export function wrapped(query: string, name: string, dialect: SqlDialect): SqlSource {
  if (dialect.takesMore) assertEnclosed(query);
  return { from: `(\n${query}\n) ${dialect.quote(QUERY)}`, name };
}

/** Numbers are written into the statement where text would be compared as text. */
const NUMBER = /^-?\d+(\.\d+)?$/;

/** Collects conditions and their values in order. */
class Builder {
  readonly values: string[] = [];
  constructor(private readonly dialect: SqlDialect) {}

  compare(column: SqlColumn, operator: '>' | '>=' | '=' | '<=', value: string): string {
    const left = this.dialect.quote(column.name);
    // Of an unknown type as well: beside a number, text would be larger than any; beside text, a number is smaller, which only reads more.
    const number = column.type === undefined || column.type === 'integer' || column.type === 'decimal';
    if (number && NUMBER.test(value)) return `${left} ${operator} ${value}`;
    this.values.push(value);
    return `${left} ${operator} ${this.dialect.placeholder(this.values.length, column)}`;
  }
}

/** Which rows are meant: all, those of a range of cursor values, or what may be new. */
export type Wanted = { all: true } | { range: SyncRange } | { news: News };

/** Rows without a cursor value are always news. */
export interface News {
  /** Rows from this cursor value on, itself included. */
  from?: string;
  /** Rows behind this cursor value. */
  above?: string;
  /** Rows after the one of this cursor value and key. */
  after?: [value: string, key: string];
  /** Rows that were written by transactions which had not ended at this horizon. */
  horizon?: string;
}

export interface ReadPlan {
  source: SqlSource;
  columns: SqlColumn[];
  cursor?: SqlColumn | undefined;
  key?: SqlColumn | undefined;
  wanted: Wanted;
  /** Adds one cell that is `1` in rows that these words mean. */
  marked?: Wanted | undefined;
}

/** The statement that reads the rows of a plan: its columns, then the mark, ordered by cursor and key where there is a cursor. */
export function readStatement(plan: ReadPlan, dialect: SqlDialect): Statement {
  const builder = new Builder(dialect);
  const list = plan.columns.map((column) => asText(dialect.quote(column.name), column, dialect));
  if (plan.marked) list.push(`CASE WHEN ${condition(plan, plan.marked, builder, dialect)} THEN 1 ELSE 0 END`);
  const where = whereOf(plan, builder, dialect);
  const order = [plan.cursor, plan.key].flatMap((column) => (column ? [dialect.quote(column.name)] : []));
  return {
    text: [
      `SELECT ${list.join(', ')} FROM ${plan.source.from}${where}`,
      ...(order.length > 0 ? [`ORDER BY ${[...new Set(order)].join(', ')}`] : []),
    ].join('\n'),
    values: builder.values,
  };
}

/** The statement whose one cell is the largest cursor value among the rows of a plan. */
export function maximumStatement(plan: ReadPlan & { cursor: SqlColumn }, dialect: SqlDialect): Statement {
  const builder = new Builder(dialect);
  const where = whereOf(plan, builder, dialect);
  const largest = asText(`MAX(${dialect.quote(plan.cursor.name)})`, plan.cursor, dialect);
  const select = `SELECT ${largest} FROM ${plan.source.from}${where}`;
  return { text: select, values: builder.values };
}

/** A statement that names the columns (all of them without `columns`) and returns no row. */
export function emptyStatement(source: SqlSource, columns: string[] | undefined, dialect: SqlDialect): Statement {
  const list = columns?.map((column) => dialect.quote(column)).join(', ') ?? '*';
  const select = `SELECT ${list} FROM ${source.from} WHERE 1 = 0`;
  return { text: select, values: [] };
}

const asText = (expression: string, column: SqlColumn, dialect: SqlDialect): string =>
  dialect.text?.(expression, column) ?? expression;

function whereOf(plan: ReadPlan, builder: Builder, dialect: SqlDialect): string {
  return 'all' in plan.wanted ? '' : ` WHERE ${condition(plan, plan.wanted, builder, dialect)}`;
}

function condition({ cursor, key }: ReadPlan, wanted: Wanted, builder: Builder, dialect: SqlDialect): string {
  if ('all' in wanted || cursor === undefined) return '1 = 1';
  if ('range' in wanted) {
    const { from, to } = wanted.range;
    const parts = [
      ...(from === undefined ? [] : [builder.compare(cursor, '>=', from)]),
      ...(to === undefined ? [] : [builder.compare(cursor, '<=', to)]),
    ];
    return parts.length > 0 ? parts.join(' AND ') : '1 = 1';
  }
  const { from, above, after, horizon } = wanted.news;
  const parts = [`${dialect.quote(cursor.name)} IS NULL`];
  if (from !== undefined) parts.push(builder.compare(cursor, '>=', from));
  if (above !== undefined) parts.push(builder.compare(cursor, '>', above));
  if (after !== undefined && key) {
    const [value, last] = after;
    parts.push(builder.compare(cursor, '>', value));
    parts.push(`(${builder.compare(cursor, '=', value)} AND ${builder.compare(key, '>', last)})`);
  }
  if (horizon !== undefined && dialect.since) parts.push(dialect.since(horizon));
  return `(${parts.join(' OR ')})`;
}
