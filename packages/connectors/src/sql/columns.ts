import { sourceError } from '@songhua/connector-sdk';
import type { SourceColumn } from '@songhua/contracts';
import { nameColumns } from '@songhua/formats';
import type { SqlReading } from './config.js';
import { isMissing, missing } from './names.js';
import { emptyStatement, sourceOf } from './statement.js';
import type { SqlColumn, SqlSession, SqlSource } from './types.js';

/** What is read: the source, its published columns, and those that only steer the reading. */
export interface Described {
  source: SqlSource;
  /** As published, in order. */
  columns: SqlColumn[];
  names: SourceColumn[];
  cursor?: SqlColumn | undefined;
  key?: SqlColumn | undefined;
  softDelete?: SqlColumn | undefined;
}

/** Asks the source for the columns that a config names; throws `source.missing` with the names that it may have meant. */
export async function describe(session: SqlSession, config: SqlReading): Promise<Described> {
  const source = sourceOf(config, session.dialect);
  if (source === undefined)
    throw sourceError(
      'connector.config-invalid',
      'the config names neither table nor query; name one of the tables that discover lists',
    );
  const all = await columnsOf(session, source, config);
  const find = (name: string): SqlColumn => {
    const found = all.find((column) => column.name === name);
    if (found) return found;
    throw missing(
      'column',
      name,
      source.name,
      all.map((column) => column.name),
    );
  };
  const columns = config.columns?.map(find) ?? all;
  const { cursor, softDelete } = config;
  return {
    source,
    columns,
    names: nameColumns(columns.map((column) => column.name)),
    ...(cursor ? { cursor: find(cursor.column) } : {}),
    ...(cursor?.key === undefined ? {} : { key: find(cursor.key) }),
    ...(softDelete ? { softDelete: find(softDelete.column) } : {}),
  };
}

async function columnsOf(session: SqlSession, source: SqlSource, config: SqlReading): Promise<SqlColumn[]> {
  try {
    // Only what is named, because the user may have been granted no more.
    const needed = config.columns && [
      ...new Set([
        ...config.columns,
        ...[config.cursor?.column, config.cursor?.key, config.softDelete?.column].filter((name) => name !== undefined),
      ]),
    ];
    return await session.columns(emptyStatement(source, needed, session.dialect));
  } catch (error) {
    if (!isMissing(error) || config.table === undefined) throw error;
    const tables = await session.tables().catch(() => []);
    const same = tables.find(
      (table) => table.name === config.table && (config.schema ?? table.schema) === table.schema,
    );
    const absent = config.columns?.find((name) => !same?.columns.some((column) => column.name === name));
    if (same && absent !== undefined)
      throw missing(
        'column',
        absent,
        source.name,
        same.columns.map((column) => column.name),
        error,
      );
    const where = config.schema === undefined ? 'the database' : `schema ${JSON.stringify(config.schema)}`;
    throw missing(
      'table',
      config.table,
      where,
      tables.map((table) => table.name),
      error,
    );
  }
}
