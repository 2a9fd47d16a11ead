import { isDeleted, type SoftDelete } from '@songhua/connector-sdk';
import { OPERATIONS } from '@songhua/contracts';
import {
  type Cells,
  cellsOfObject,
  cellText,
  type Decode,
  isObject,
  type JsonObject,
  notJson,
  parseJson,
} from './decode.js';

export interface JsonOptions {
  /** Rows are put and deleted by key; otherwise they are only added. */
  operations: boolean;
  primaryKey: string[];
  softDelete?: SoftDelete | undefined;
}

/** Messages that are JSON objects: each a row. With operations, a message without value deletes the row of its key. */
export function decodeJson({ operations, primaryKey, softDelete }: JsonOptions): Decode {
  const isMarked = (row: JsonObject): boolean =>
    softDelete !== undefined && isDeleted(cellText(row[softDelete.column]), softDelete);
  return ({ key, value }) => {
    if (value === null) {
      if (!operations) return { type: 'nothing' };
      const cells = keyCells(key, primaryKey);
      return cells ? { type: 'row', op: OPERATIONS.delete, cells } : noKey;
    }
    const row = parseJson(value);
    if (!isObject(row)) return notJson(value);
    const cells = cellsOfObject(row);
    if (operations && primaryKey.some((name) => !(name in row)))
      cells.push(...(keyCells(key, primaryKey) ?? []).filter(([name]) => primaryKey.includes(name) && !(name in row)));
    return { type: 'row', op: operations && isMarked(row) ? OPERATIONS.delete : OPERATIONS.put, cells };
  };
}

/** The cells of a message's key: an object, or the one value of a key of one column. */
function keyCells(key: Buffer | null, primaryKey: string[]): Cells | undefined {
  if (key === null) return undefined;
  const parsed = parseJson(key);
  if (isObject(parsed)) return cellsOfObject(parsed);
  const [name, ...others] = primaryKey;
  if (name === undefined || others.length > 0) return undefined;
  // Text that is not JSON is the key itself.
  return [[name, parsed === undefined ? key.toString('utf8') : cellText(parsed)]];
}

const noKey = {
  type: 'rejected',
  code: 'row.key',
  message:
    '删除消息没有可用的键 / deletes a row but does not say which; its key must be a JSON object of the primary key, or its one value',
} as const;
