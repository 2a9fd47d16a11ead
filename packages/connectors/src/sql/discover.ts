import type { StreamInfo } from '@songhua/connector-sdk';
import { nameColumns } from '@songhua/formats';
import type { SqlColumn, SqlTable } from './types.js';

const CHANGED = /^(gmt_?|date_?|dt_?|last_?|sys_?|row_?)?(update|modif|chang|edit|mtime|gxsj|xgsj|refresh)/i;
const CREATED = /(creat|insert|add|cjsj|rksj|record)/i;

/** Columns that only grow, the best first: change times, counted keys, then other times. */
export function cursorCandidates({ columns, key, counted }: Pick<SqlTable, 'columns' | 'key' | 'counted'>): string[] {
  const rank = ({ name, type }: SqlColumn): number | undefined => {
    const time = type === 'datetime';
    if (time && CHANGED.test(name)) return 0;
    if (counted.includes(name)) return 1;
    if (type === 'integer' && key.length === 1 && key[0] === name) return 2;
    if (time && CREATED.test(name)) return 3;
    if (time) return 4;
    return type === 'date' && (CHANGED.test(name) || CREATED.test(name)) ? 5 : undefined;
  };
  return columns
    .flatMap((column) => {
      const at = rank(column);
      return at === undefined ? [] : [{ name: column.name, at }];
    })
    .sort((a, b) => a.at - b.at)
    .map(({ name }) => name);
}

/** The config of a table that is not the one the config names: what steers the reading of that one says nothing of it. */
const configOf = ({ schema, name }: SqlTable): Record<string, unknown> => ({
  ...(schema === undefined ? {} : { schema }),
  table: name,
  query: undefined,
  columns: undefined,
  cursor: undefined,
  softDelete: undefined,
});

/** What people are told of a table that a config might name. */
export const otherStreamOf = (table: SqlTable): StreamInfo => ({ ...streamOf(table), config: configOf(table) });

/** What people are told of a table. */
export function streamOf(table: SqlTable): StreamInfo {
  const cursors = cursorCandidates(table);
  const names = nameColumns(table.columns.map((column) => column.name));
  const types = names.flatMap(({ name }, index) => {
    const type = table.columns[index]?.type;
    return type === undefined ? [] : [[name, type] as const];
  });
  return {
    name: table.schema === undefined ? table.name : `${table.schema}.${table.name}`,
    columns: names,
    types: Object.fromEntries(types),
    ...(table.rowsEstimate === undefined ? {} : { rowsEstimate: table.rowsEstimate }),
    ...(table.key.length > 0 ? { key: table.key } : {}),
    ...(cursors.length > 0 ? { cursors } : {}),
  };
}
