import { OPERATIONS } from '@songhua/contracts';
import { stringify } from 'lossless-json';
import {
  type Cells,
  cellText,
  type Decode,
  type Decoded,
  isObject,
  type JsonObject,
  notJson,
  parseJson,
} from './decode.js';
import { type Convert, convertersOf, fieldOf } from './logical.js';

// What Debezium writes for a large value that did not change, unless the database's log holds it.
const UNAVAILABLE = '__debezium_unavailable_value';

/** Messages of Debezium: each a change of a row. With the schemas that its JSON converter adds, logical types become text. */
export function decodeDebezium(): Decode {
  const openValue = createEnvelopeReader();
  const openKey = createEnvelopeReader();
  const converters = createConverters();
  const cellsOf = (row: JsonObject, struct: unknown): Cells => {
    const convert = converters(struct);
    return Object.entries(row).map(([name, value]) => [name, (convert.get(name) ?? cellText)(value)]);
  };

  return ({ key, value }) => {
    if (value === null) return { type: 'nothing' };
    const envelope = openValue(value);
    if (envelope === undefined) return notJson(value);
    const { payload: change, schema } = envelope;
    if (change === null) return { type: 'nothing' };
    if (!isObject(change) || typeof change.op !== 'string') return notAChange;
    const place = placeOf(change.source);
    // Brokers may stamp messages in another order than they were written in; Debezium's own time does not know partitions.
    const written = Number(cellText(change.ts_ms));
    const at = written > 0 ? { at: written } : {};
    const row = (op: typeof OPERATIONS.put | typeof OPERATIONS.delete, cells: Cells): Decoded => ({
      type: 'row',
      op,
      cells,
      ...at,
      ...(change.op === 'r' ? place : {}),
    });
    switch (change.op) {
      case 'c':
      case 'u':
      case 'r': {
        if (!isObject(change.after)) return notAChange;
        const cells = cellsOf(change.after, fieldOf(schema, 'after'));
        return cells.some(([, text]) => text === UNAVAILABLE)
          ? completed(row(OPERATIONS.put, cells), change.before)
          : row(OPERATIONS.put, cells);
      }
      case 'd': {
        const before = isObject(change.before) ? cellsOf(change.before, fieldOf(schema, 'before')) : [];
        const named = key === null ? undefined : openKey(key);
        const known = isObject(named?.payload) ? cellsOf(named.payload, named.schema) : [];
        const names = new Set(known.map(([name]) => name));
        const cells = [...known, ...before.filter(([name]) => !names.has(name))];
        return cells.length > 0 ? row(OPERATIONS.delete, cells) : noKey;
      }
      case 't':
        return { type: 'row', op: OPERATIONS.truncate, cells: [], ...at };
      case 'm':
        return { type: 'nothing' };
      default:
        return notAChange;
    }
  };
}

/** A change whose large values did not come, completed by those before it, or rejected: half a row must not be put. */
function completed(change: Decoded, before: unknown): Decoded {
  if (change.type !== 'row') return change;
  const cells: Cells = [];
  for (const [name, text] of change.cells) {
    const known = text === UNAVAILABLE && isObject(before) ? cellText(before[name]) : text;
    if (known === UNAVAILABLE || (text === UNAVAILABLE && !isObject(before)))
      return {
        type: 'rejected',
        code: 'row.unavailable',
        field: name,
        message:
          '变更没有带上未改动的大字段 / does not carry a large value that did not change; set REPLICA IDENTITY FULL on the table, then take a new snapshot',
      };
    cells.push([name, known]);
  }
  return { ...change, cells };
}

/** What `source.snapshot` says. Incremental snapshots run beside the stream, so they are part of it. */
function placeOf(source: unknown): { snapshot?: true; marker?: 'first' | 'last' } {
  const said = isObject(source) ? cellText(source.snapshot) : '';
  if (said === 'incremental' || said === 'false') return {};
  if (said.startsWith('first')) return { snapshot: true, marker: 'first' };
  if (said.startsWith('last')) return { snapshot: true, marker: 'last' };
  return { snapshot: true };
}

interface Envelope {
  payload: unknown;
  schema: unknown;
}

/**
 * Reads messages with or without the schema that Kafka Connect's converter puts before each. Schemas are most of their bytes and nearly
 * always the same, so the text of the last one is recognised and not parsed again.
 */
export function createEnvelopeReader(): (bytes: Buffer) => Envelope | undefined {
  let known: { start: Buffer; schema: unknown } | undefined;
  const end = '}'.charCodeAt(0);
  return (bytes) => {
    if (known && bytes.at(-1) === end && bytes.subarray(0, known.start.length).equals(known.start)) {
      const payload = parseJson(bytes.subarray(known.start.length, -1));
      if (payload !== undefined) return { payload, schema: known.schema };
    }
    const parsed = parseJson(bytes);
    if (parsed === undefined) return undefined;
    if (!isObject(parsed) || !('payload' in parsed) || !('schema' in parsed))
      return { payload: parsed, schema: undefined };
    const { payload, schema } = parsed;
    const start = Buffer.from(`{"schema":${stringify(schema)},"payload":`);
    if (bytes.subarray(0, start.length).equals(start)) known = { start, schema };
    return { payload, schema };
  };
}

function createConverters(): (struct: unknown) => Map<string, Convert> {
  const known = new WeakMap<object, Map<string, Convert>>();
  const none = new Map<string, Convert>();
  return (struct) => {
    if (!isObject(struct)) return none;
    const found = known.get(struct) ?? convertersOf(struct);
    known.set(struct, found);
    return found;
  };
}

const notAChange = {
  type: 'rejected',
  code: 'row.debezium',
  message:
    '此消息不是 Debezium 的行变更 / is no change of a row as Debezium writes them; check the topic, and that no transformation takes the envelope off',
} as const;

const noKey = {
  type: 'rejected',
  code: 'row.key',
  message:
    '删除消息没有说明是哪一行 / deletes a row but does not say which; the table needs a primary key or REPLICA IDENTITY FULL',
} as const;
