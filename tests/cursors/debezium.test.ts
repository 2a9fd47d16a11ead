import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connectorKinds } from '@songhua/connectors';
import { createTables, type Tables } from '@songhua/tables';
import { Kafka, logLevel, type Message } from 'kafkajs';
import { createPipeline, removeFolder } from './pipeline.js';

const CHANGES = 100_000;
const ROWS = 4_000;
const PARTITIONS = 4;
const REQUEST = 2_000;

const brokers = (process.env.SONGHUA_TEST_KAFKA_BROKERS ?? '').split(',');
const topic = `department-${randomBytes(6).toString('hex')}`;
const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
const [admin, producer] = [kafka.admin(), kafka.producer({ allowAutoTopicCreation: false })];
const kinds = connectorKinds({ fileRoots: [] });
let tables: Tables;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'songhua-debezium-'));
  tables = createTables({ memoryMb: 256, threads: 2, tempDirectory: join(folder, 'spill') });
  await Promise.all([admin.connect(), producer.connect()]);
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: PARTITIONS }] });
});
afterAll(async () => {
  await admin.deleteTopics({ topics: [topic] });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
  await tables.close();
  await kinds.close();
  await removeFolder(folder);
});

// As JsonConverter of Kafka Connect describes the table.
const fields = [
  { type: 'int64', optional: false, field: 'id' },
  {
    type: 'bytes',
    optional: true,
    name: 'org.apache.kafka.connect.data.Decimal',
    parameters: { scale: '2' },
    field: 'amount',
  },
  { type: 'int32', optional: true, name: 'io.debezium.time.Date', field: 'day' },
  { type: 'string', optional: true, field: 'note' },
];
const struct = (field: string) => ({ type: 'struct', fields, optional: true, name: 'db.t.Value', field });
const schema = { type: 'struct', name: 'db.t.Envelope', fields: [struct('before'), struct('after')] };
const keySchema = { type: 'struct', fields: [fields[0]], optional: false, name: 'db.t.Key' };
// Digits that no double holds.
const FIRST_ID = 9_007_199_254_740_993n;

interface Row {
  cents: number;
  day: number;
  note: string;
}
const table = new Map<number, Row>();
const randomly = (() => {
  let state = 42;
  return (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
})();
const base64 = (cents: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(cents);
  return bytes.toString('base64');
};

const VALUE = `{"schema":${JSON.stringify(schema)},"payload":`;
const KEY = `{"schema":${JSON.stringify(keySchema)},"payload":`;
const rowText = (id: bigint, row: Row): string =>
  `{"id":${id},"amount":"${base64(row.cents)}","day":${row.day},"note":${JSON.stringify(row.note)}}`;

let clock = Date.now() - 86_400_000;

function event(id: number, op: string, row: Row | undefined, snapshot = 'false'): Message {
  const known = FIRST_ID + BigInt(id);
  const before = op === 'd' ? `{"id":${known},"amount":null,"day":null,"note":null}` : 'null';
  const source = `{"connector":"postgresql","snapshot":"${snapshot}","ts_us":1700000000000000,"lsn":1}`;
  return {
    partition: id % PARTITIONS,
    key: `${KEY}{"id":${known}}}`,
    value: `${VALUE}{"before":${before},"after":${row ? rowText(known, row) : 'null'},"source":${source},"ts_ms":${clock++},"op":"${op}"}}`,
  };
}

let pending: Message[] = [];
let sent = 0;
const send = async (...messages: Message[]): Promise<void> => {
  pending.push(...messages);
  while (pending.length >= REQUEST) await flush();
};
const flush = async (): Promise<void> => {
  const messages = pending.slice(0, REQUEST);
  pending = pending.slice(REQUEST);
  sent += messages.length;
  if (messages.length > 0) await producer.send({ topic, messages });
};

/** One change of the table; what Debezium says of it. */
function change(): Message[] {
  const id = randomly(ROWS);
  const known = table.has(id);
  if (known && randomly(5) === 0) {
    table.delete(id);
    const deleted = event(id, 'd', undefined);
    return [deleted, { ...deleted, value: null }];
  }
  const row = {
    cents: randomly(2_000_000) - 1_000_000,
    day: 19_000 + randomly(1000),
    note: `${randomly(1e6)},"哈尔滨"`,
  };
  table.set(id, row);
  return [event(id, known ? 'u' : 'c', row)];
}

/** Changes that Debezium sees; now and then it starts again at what it had noted, and says the last of them again. */
async function stream(count: number): Promise<void> {
  let recent: Message[] = [];
  for (let i = 0; i < count; i++) {
    const messages = change();
    if (recent.length > 1_000) recent = recent.slice(-500);
    recent.push(...messages);
    await send(...messages, ...(randomly(5_000) === 0 ? recent : []));
  }
  while (pending.length > 0) await flush();
}

async function snapshot(): Promise<void> {
  const ids = [...table.keys()];
  for (const [i, id] of ids.entries())
    await send(event(id, 'r', table.get(id), i === 0 ? 'first' : i === ids.length - 1 ? 'last' : 'true'));
  while (pending.length > 0) await flush();
}

test('100,000 Debezium changes with duplicates and a new snapshot, over several partitions, end in the right table', async () => {
  const connector = kinds.get('kafka');
  if (!connector) throw new Error('there is no kind kafka');
  const pipeline = createPipeline({
    tables,
    connector,
    config: { brokers, topic, format: 'debezium', tls: { mode: 'off' } },
    secrets: {},
    mode: 'cdc',
    primaryKey: ['id'],
    declared: [
      { name: 'id', type: 'integer' },
      { name: 'amount', type: 'decimal' },
      { name: 'day', type: 'date' },
    ],
    folder,
  });
  const expected = () =>
    [...table].map(([id, { cents, day, note }]) => ({
      id: String(FIRST_ID + BigInt(id)),
      amount: Number((cents / 100).toFixed(2)),
      day: new Date(day * 86_400_000).toISOString().slice(0, 10),
      note,
    }));
  const published = async () =>
    (await pipeline.rows()).map(({ id, amount, day, note }) => ({ id: String(id), amount: Number(amount), day, note }));
  const byId = (a: { id: string }, b: { id: string }) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1);

  for (let i = 0; i < ROWS / 2; i++) change();
  await snapshot();
  await stream(CHANGES / 4);
  await pipeline.sync();
  expect((await published()).toSorted(byId)).toEqual(expected().toSorted(byId));
  await stream(CHANGES / 4);
  // Debezium is down: what is deleted now is never told.
  for (let i = 0; i < ROWS; i++) change();
  await snapshot();
  await stream(CHANGES - sent);
  const started = performance.now();
  await pipeline.sync({ crash: 'refreshing' });
  await pipeline.sync();
  const seconds = (performance.now() - started) / 2_000;
  expect((await published()).toSorted(byId)).toEqual(expected().toSorted(byId));
  expect(sent).toBeGreaterThanOrEqual(CHANGES);
  // Far above what the two cores of a developer's machine take.
  expect(seconds).toBeLessThan(30);
}, 120_000);
