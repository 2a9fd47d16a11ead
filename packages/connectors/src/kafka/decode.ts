import { isUtf8 } from 'node:buffer';
import type { OPERATIONS } from '@songhua/contracts';
import { isLosslessNumber, parse, stringify } from 'lossless-json';

export type Operation = (typeof OPERATIONS)[keyof typeof OPERATIONS];

/** What one message says. Of Debezium: `at`, when it wrote the change, and where in a snapshot that stands. */
export type Decoded =
  | { type: 'row'; op: Operation; cells: Cells; at?: number; snapshot?: boolean; marker?: 'first' | 'last' }
  | { type: 'rejected'; code: string; message: string; field?: string }
  | { type: 'nothing' };

/** In the order of the source. */
export type Cells = [name: string, text: string][];

export interface Message {
  key: Buffer | null;
  value: Buffer | null;
}
export type Decode = (message: Message) => Decoded;

export type JsonObject = Record<string, unknown>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isLosslessNumber(value);

/** JSON whose numbers keep their digits; undefined for what is none. */
export function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) return undefined;
  try {
    return parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** A value of JSON as the text of a cell: digits as they are, '' for null, JSON for what holds values. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (isLosslessNumber(value)) return value.value;
  return typeof value === 'object' ? (stringify(value) ?? '') : String(value);
}

export const cellsOfObject = (object: JsonObject): Cells =>
  Object.entries(object).map(([name, value]) => [name, cellText(value)]);

// What Confluent's serializers put before a schema's number.
const REGISTRY_MAGIC = 0;

export function notJson(value: Buffer): Decoded {
  const registry = value[0] === REGISTRY_MAGIC;
  return {
    type: 'rejected',
    code: 'row.json',
    message: registry
      ? '此消息由模式注册中心编码，不是 JSON；请改用 JSON 转换器 / is encoded for a schema registry, not JSON; use the JSON converter'
      : '此消息不是完整的 JSON 对象 / is not one whole JSON object; correct what its producer writes',
  };
}
