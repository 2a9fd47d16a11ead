import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { cellsOf } from '@songhua/connector-sdk';
import type { Cursor } from '@songhua/contracts';
import fc from 'fast-check';
import type { KafkaMessage } from 'kafkajs';
import type { Topic } from '../src/kafka/client.js';
import { kafkaConfigSchema } from '../src/kafka/config.js';
import { decodeDebezium } from '../src/kafka/debezium.js';
import { readTopic } from '../src/kafka/read.js';
import { LOOPBACK } from './reading.js';

type Table = Map<number, string>;

/** A table, a Debezium that follows it while it is up, and the partitions that it writes. */
function createSource(partitions: number, marked: boolean) {
  const table: Table = new Map();
  const logs: KafkaMessage[][] = Array.from({ length: partitions }, () => []);
  let now = Date.now() - 1_000_000;
  let stream: [number, Buffer | null][] = [];
  const append = (id: number, value: Buffer | null): void => {
    const log = logs[id % partitions] ?? [];
    log.push({
      key: Buffer.from(JSON.stringify({ id })),
      value,
      offset: String(log.length),
      // As brokers stamp that write partitions at their own pace.
      timestamp: String(now - 500 * (id % partitions)),
      attributes: 0,
      headers: {},
    });
  };
  const change = (op: string, fields: object, snapshot = 'false'): Buffer =>
    Buffer.from(JSON.stringify({ op, ts_ms: now++, source: { snapshot }, ...fields }));
  const row = (id: number) => ({ id, v: table.get(id) });
  return {
    table,
    logs,
    /** Changes a row; `seen`: Debezium is up. */
    change(id: number, v: string | undefined, seen: boolean): void {
      const known = table.has(id);
      if (v === undefined) table.delete(id);
      else table.set(id, v);
      if (!seen || (v === undefined && !known)) return;
      const values =
        v === undefined
          ? [change('d', { before: { id, v: null }, after: null }), null]
          : [change(known ? 'u' : 'c', { before: null, after: row(id) })];
      for (const value of values) {
        append(id, value);
        stream.push([id, value]);
      }
    },
    truncate(): void {
      table.clear();
      append(0, change('t', { before: null, after: null }));
      stream = [];
    },
    /** What Debezium does when it stopped before it noted how far it had come. */
    again(count: number): void {
      for (const [id, value] of stream.slice(-count)) append(id, value);
    },
    /** `share` of a new snapshot, from the first row on. */
    snapshot(share: number): void {
      stream = [];
      const ids = [...table.keys()];
      const count = Math.ceil(ids.length * share);
      ids.slice(0, count).forEach((id, i) => {
        const mark = i === ids.length - 1 ? 'last' : i === 0 ? 'first' : 'true';
        append(id, change('r', { before: null, after: row(id) }, marked ? mark : 'true'));
      });
    },
  };
}

type Source = ReturnType<typeof createSource>;

const topicOf = ({ logs }: Source): Topic => ({
  watermarks: async () => logs.map((log, partition) => ({ partition, low: 0n, high: BigInt(log.length) })),
  async consume(ranges, take) {
    const next = new Map(ranges.map(({ partition, from }) => [partition, from]));
    const exhausted = new Set<number>();
    const step = 3n;
    for (let more = true; more && exhausted.size < ranges.length; )
      for (const { partition, to } of ranges) {
        const from = next.get(partition) ?? 0n;
        const end = from + step < to ? from + step : to;
        const messages = (logs[partition] ?? []).slice(Number(from), Number(end));
        next.set(partition, end);
        if (end === to) exhausted.add(partition);
        if (more && messages.length > 0) more = await take(partition, messages);
        if (!more) break;
      }
    return { next, holes: new Map(), exhausted };
  },
  close: async () => undefined,
});

/** Publishes what a read of `source` says, as a refresh does. */
async function sync(source: Source, published: Table, cursor: Cursor | undefined, maxRecords: number) {
  const tempDir = await mkdtemp(join(tmpdir(), 'songhua-kafka-'));
  try {
    let after = cursor;
    const config = kafkaConfigSchema.parse({
      brokers: ['b:1'],
      topic: 't',
      format: 'debezium',
      maxRecords,
      snapshotQuietSeconds: 86_400,
    });
    const signal = new AbortController().signal;
    const limits = { maxBytes: 1e9, timeoutMs: 60_000 };
    const given = { config, secrets: {}, cursor, signal, tempDir, limits, network: LOOPBACK };
    const context = { ...given, mode: 'cdc' as const, primaryKey: ['id'] };
    let at = [0, 0];
    for await (const message of readTopic(context, topicOf(source))) {
      if (message.type === 'end') after = JSON.parse(JSON.stringify(message.cursor));
      if (message.type === 'start') {
        if (message.scope === 'all') published.clear();
        const names = message.columns.map(({ name }) => name);
        at = [names.indexOf('id') + 1, names.indexOf('v') + 1];
      }
      if (message.type === 'rejected') throw new Error(JSON.stringify(message.rows));
      if (message.type !== 'rows') continue;
      for (const cells of cellsOf(message.csv, message.rows)) {
        const id = Number(cells[at[0] ?? 0]);
        if (cells[0] === '0') published.clear();
        else if (cells[0] === '-') published.delete(id);
        else published.set(id, cells[at[1] ?? 0] ?? '');
      }
    }
    return after;
  } finally {
    await rm(tempDir, { recursive: true });
  }
}

const id = fc.integer({ min: 1, max: 9 });
const edit = fc.record({ id, v: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined }) });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ does: fc.constant('stream' as const), edits: fc.array(edit, { maxLength: 6 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('down' as const),
      edits: fc.array(edit, { maxLength: 6 }),
      tries: fc.array(fc.record({ share: fc.double({ min: 0.1, max: 0.9, noNaN: true }), read: fc.boolean() }), {
        maxLength: 2,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('again' as const), count: fc.integer({ min: 1, max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('truncate' as const) }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('read' as const) }) },
);

test('random changes, outages, doubled events, broken and new snapshots, read at random, publish the table and never half of one', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 14 }),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      fc.constantFrom(1_000_000, 4),
      async (steps, partitions, marked, maxRecords) => {
        const source = createSource(partitions, marked);
        const published: Table = new Map();
        let cursor: Cursor | undefined;
        const read = async () => {
          cursor = await sync(source, published, cursor, maxRecords);
        };
        const readAll = async () => {
          for (let before: unknown; before !== cursor || before === undefined; ) {
            before = cursor;
            await read();
            if (cursor === undefined) return;
          }
        };
        for (const one of steps) {
          if (one.does === 'stream') for (const { id, v } of one.edits) source.change(id, v, true);
          else if (one.does === 'again') source.again(one.count);
          else if (one.does === 'truncate') source.truncate();
          else if (one.does === 'read') await read();
          else {
            await readAll();
            const before = new Map(published);
            for (const { id, v } of one.edits) source.change(id, v, false);
            // A snapshot of no row sends nothing at all.
            source.change(10, 'x', false);
            source.change(11, 'y', false);
            for (const { share, read: asks } of marked ? one.tries : []) {
              if (source.table.size * share > source.table.size - 1) continue;
              source.snapshot(share);
              if (!asks) continue;
              await read();
              expect(published).toEqual(before);
            }
            source.snapshot(1);
            // Where snapshots are not marked, only what comes after one tells that it is complete.
            source.change(10, 'z', true);
          }
        }
        await readAll();
        if (cursor !== undefined) expect([...published].toSorted()).toEqual([...source.table].toSorted());
      },
    ),
    { numRuns: 150 },
  ));

const schemaOf = (fields: object[]) => ({
  type: 'struct',
  name: 'x.Envelope',
  fields: [
    { type: 'struct', field: 'before', optional: true, fields },
    { type: 'struct', field: 'after', optional: true, fields },
  ],
});
const cellsFor = (fields: object[], after: object): string[] => {
  const value = Buffer.from(JSON.stringify({ schema: schemaOf(fields), payload: { op: 'c', before: null, after } }));
  const decode = decodeDebezium();
  const found = [decode({ key: null, value }), decode({ key: null, value })];
  // The second one finds the schema by its text.
  expect(found[1]).toEqual(found[0]);
  return found[0]?.type === 'row' ? found[0].cells.map(([, text]) => text) : [JSON.stringify(found[0])];
};

test.each([
  ['io.debezium.time.Date', 19675, '2023-11-14'],
  ['org.apache.kafka.connect.data.Date', -1, '1969-12-31'],
  ['io.debezium.time.Timestamp', 1700000000123, '2023-11-14T22:13:20.123'],
  ['org.apache.kafka.connect.data.Timestamp', 1700000000000, '2023-11-14T22:13:20'],
  ['io.debezium.time.MicroTimestamp', 1700000000123456, '2023-11-14T22:13:20.123456'],
  ['io.debezium.time.MicroTimestamp', -1, '1969-12-31T23:59:59.999999'],
  ['io.debezium.time.ZonedTimestamp', '2023-11-14T22:13:20Z', '2023-11-14T22:13:20Z'],
  ['io.debezium.time.Time', 3723004, '01:02:03.004'],
  ['io.debezium.time.MicroTime', 86399999999, '23:59:59.999999'],
  ['io.debezium.time.NanoTime', 1, '00:00:00.000000001'],
  ['io.debezium.time.Date', 2147483647, '2147483647'],
  ['io.debezium.data.Json', '{"a":1}', '{"a":1}'],
  [undefined, 'text', 'text'],
])('%s %p is %s', (name, value, text) => {
  expect(cellsFor([{ field: 'c', type: 'x', name }], { c: value })).toEqual([text]);
  expect(cellsFor([{ field: 'c', type: 'x', name }], { c: null })).toEqual(['']);
});

test('decimals keep every digit of theirs', () =>
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
      fc.integer({ min: 0, max: 12 }),
      (unscaled, scale) => {
        const hex = BigInt.asUintN(136, unscaled).toString(16).padStart(34, '0');
        const value = Buffer.from(hex, 'hex').toString('base64');
        const fixed = { field: 'd', type: 'bytes', name: 'org.apache.kafka.connect.data.Decimal' };
        const [text = ''] = cellsFor([{ ...fixed, parameters: { scale: String(scale) } }], { d: value });
        expect(BigInt(text.replace('.', ''))).toBe(unscaled);
        expect(text.split('.')[1]?.length ?? 0).toBe(scale);
        const variable = { field: 'd', type: 'struct', name: 'io.debezium.data.VariableScaleDecimal' };
        expect(cellsFor([variable], { d: { scale, value } })).toEqual([text]);
      },
    ),
    { numRuns: 50 },
  ));

test('a schema that changes between messages is noticed', () => {
  const decode = decodeDebezium();
  const message = (name: string, c: unknown) => ({
    key: null,
    value: Buffer.from(
      JSON.stringify({ schema: schemaOf([{ field: 'c', type: 'x', name }]), payload: { op: 'c', after: { c, d: 1 } } }),
    ),
  });
  const cells = (name: string, c: unknown) => {
    const row = decode(message(name, c));
    return row.type === 'row' ? row.cells : [];
  };
  expect(cells('io.debezium.time.Date', 0)).toEqual([
    ['c', '1970-01-01'],
    ['d', '1'],
  ]);
  expect(cells('other', 0)).toEqual([
    ['c', '0'],
    ['d', '1'],
  ]);
  expect(cells('io.debezium.time.Date', 1)).toEqual([
    ['c', '1970-01-02'],
    ['d', '1'],
  ]);
});

test('a large value that did not change is taken from before, or the change is rejected: the text that stands for it is never published', () => {
  const decode = decodeDebezium();
  const update = (before: object | null) =>
    decode({
      key: Buffer.from('{"id":1}'),
      value: Buffer.from(
        JSON.stringify({ op: 'u', before, after: { id: 1, text: '__debezium_unavailable_value' }, source: {} }),
      ),
    });
  expect(update({ id: 1, text: 'long' })).toMatchObject({
    op: '+',
    cells: [
      ['id', '1'],
      ['text', 'long'],
    ],
  });
  expect(update(null)).toMatchObject({ type: 'rejected', code: 'row.unavailable', field: 'text' });
});

test('a delete is known by its key, with or without schema, else by what was before it', () => {
  const decode = decodeDebezium();
  const remove = (key: unknown, before: object | null) =>
    decode({
      key: key === null ? null : Buffer.from(JSON.stringify(key)),
      value: Buffer.from(JSON.stringify({ op: 'd', before, after: null, source: {} })),
    });
  expect(remove({ id: 1 }, null)).toMatchObject({ op: '-', cells: [['id', '1']] });
  expect(remove({ schema: { type: 'struct', fields: [] }, payload: { id: 2 } }, { id: 2, v: null })).toMatchObject({
    op: '-',
    cells: [
      ['id', '2'],
      ['v', ''],
    ],
  });
  expect(remove(null, { id: 3 })).toMatchObject({ op: '-', cells: [['id', '3']] });
  expect(remove(null, null)).toMatchObject({ type: 'rejected', code: 'row.key' });
});
