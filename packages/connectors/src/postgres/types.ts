import type { ColumnType } from '@songhua/domain';
import type { CustomTypesConfig } from 'pg';

const BOOLEAN = 16;
const BYTEA = 17;

// Of pg_type; the numbers of built-in types never change.
const TYPES = new Map<number, ColumnType>([
  [BOOLEAN, 'boolean'],
  [20, 'integer'],
  [21, 'integer'],
  [23, 'integer'],
  [700, 'decimal'],
  [701, 'decimal'],
  [1700, 'decimal'],
  [1082, 'date'],
  [1083, 'time'],
  [1114, 'datetime'],
  [1184, 'datetime'],
  [114, 'json'],
  [3802, 'json'],
]);

export const columnTypeOf = (oid: number): ColumnType => TYPES.get(oid) ?? 'string';

const NAMES = new Map<string, ColumnType>([
  ['boolean', 'boolean'],
  ['bigint', 'integer'],
  ['smallint', 'integer'],
  ['integer', 'integer'],
  ['real', 'decimal'],
  ['double precision', 'decimal'],
  ['numeric', 'decimal'],
  ['date', 'date'],
  ['time without time zone', 'time'],
  ['timestamp without time zone', 'datetime'],
  ['timestamp with time zone', 'datetime'],
  ['json', 'json'],
  ['jsonb', 'json'],
]);

/** The same by the name that the standard's catalog has. */
export const columnTypeNamed = (name: string): ColumnType => NAMES.get(name.toLowerCase()) ?? 'string';

const BOOLEANS: Record<string, string> = { t: 'true', f: 'false' };

/** Cells as the server writes them; only booleans and bytes (lower-case hex) are written as everywhere else. */
export const TEXT_TYPES = {
  getTypeParser: (oid: number) => (text: string) => {
    if (oid === BOOLEAN) return BOOLEANS[text] ?? text;
    return oid === BYTEA && text.startsWith('\\x') ? text.slice(2) : text;
  },
} as CustomTypesConfig;
