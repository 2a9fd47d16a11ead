import type { SqlReading } from './config.js';
import type { Cell } from './types.js';

const NOT_DELETED = new Set(['', '0', 'false', 'f', 'n', 'no']);

/** Whether a value of the soft-delete column means that the row is deleted. */
export function isDeleted(value: Cell, softDelete: SqlReading['softDelete']): boolean {
  if (softDelete?.deleted !== undefined) return value !== null && softDelete.deleted.includes(value);
  return value !== null && !NOT_DELETED.has(value.toLowerCase());
}
