import type { ColumnType } from '@songhua/domain';
import type { Cell } from '../sql/index.js';

/** What the protocol says of a column of a result. */
export interface MysqlField {
  name: string;
  columnType: number;
  characterSet: number;
}

const BINARY = 63;
const BIT = 16;
const GEOMETRY = 255;
// VARCHAR, TINYBLOB to BLOB, VAR_STRING, STRING: text or bytes by their character set.
const TEXT_OR_BYTES = new Set([15, 249, 250, 251, 252, 253, 254]);

const TYPES = new Map<number, ColumnType>([
  ...[1, 2, 3, 8, 9, 13, BIT].map((type) => [type, 'integer'] as const),
  ...[0, 4, 5, 246].map((type) => [type, 'decimal'] as const),
  ...[7, 12].map((type) => [type, 'datetime'] as const),
  [10, 'date'],
  [11, 'time'],
  [245, 'json'],
]);

export const columnTypeOf = ({ columnType }: MysqlField): ColumnType => TYPES.get(columnType) ?? 'string';

/** How cells of a column become text: bytes as lower-case hex, bits as a number, all else as the server writes it. */
export function cellReader({ columnType, characterSet }: MysqlField): (cell: Buffer | null) => Cell {
  if (columnType === BIT) return (cell) => cell && String(BigInt(`0x${cell.toString('hex') || '0'}`));
  const bytes = columnType === GEOMETRY || (TEXT_OR_BYTES.has(columnType) && characterSet === BINARY);
  return bytes ? (cell) => cell?.toString('hex') ?? null : (cell) => cell?.toString('utf8') ?? null;
}
