import type { ColumnType } from '@songhua/domain';

/** By SQLite's own rules of affinity, and the names that people give to times; undefined where any value is kept as it comes. */
export function columnTypeOf(declared: string | null): ColumnType | undefined {
  const type = declared?.toUpperCase() ?? '';
  if (type === '' || type.includes('BLOB')) return undefined;
  if (type.includes('INT')) return 'integer';
  if (/CHAR|CLOB|TEXT/.test(type)) return 'string';
  if (/REAL|FLOA|DOUB|DEC|NUM/.test(type)) return 'decimal';
  if (/DATETIME|TIMESTAMP/.test(type)) return 'datetime';
  if (type === 'DATE') return 'date';
  return type === 'JSON' ? 'json' : 'string';
}
