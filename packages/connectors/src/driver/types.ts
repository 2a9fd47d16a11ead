import type { ColumnType } from '@songhua/domain';

/** The type that a name of Oracle, Dameng or SQL Server means. */
export function columnTypeOf(native: string | null | undefined, scale?: number | null): ColumnType {
  const name = native?.toUpperCase() ?? '';
  if (/^(TIMESTAMP|DATETIME|SMALLDATETIME)/.test(name)) return 'datetime';
  if (/INTERVAL|CHAR|TEXT|LOB|BINARY$/.test(name)) return 'string';
  if (/INT|BYTE$/.test(name) || (name === 'NUMBER' && scale === 0)) return 'integer';
  if (/NUMBER|NUMERIC|DEC|FLOAT|DOUBLE|REAL|MONEY/.test(name)) return 'decimal';
  if (name === 'DATE') return 'date';
  if (name.startsWith('TIME')) return 'time';
  return name === 'BIT' ? 'boolean' : 'string';
}

/** The same for Oracle, whose DATE holds a time of day. */
export const oracleTypeOf: typeof columnTypeOf = (native, scale) =>
  native?.toUpperCase() === 'DATE' ? 'datetime' : columnTypeOf(native, scale);
