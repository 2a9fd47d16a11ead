import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { connect as connectTcp, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CompressionTypes, Kafka, logLevel, type Message } from 'kafkajs';
import { createKafkaConnector, createNetwork } from '../src/index.js';
import { endOf, type ReadOnceOptions, readOnce, rowsOf, runsOf, typesOf } from './reading.js';

const brokers = (process.env.SONGHUA_TEST_KAFKA_BROKERS ?? '').split(',');
const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
const admin = kafka.admin();
const producer = kafka.producer({ allowAutoTopicCreation: false });
const topics: string[] = [];

beforeAll(() => Promise.all([admin.connect(), producer.connect()]));
afterAll(async () => {
  if (topics.length > 0) await admin.deleteTopics({ topics });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
});

async function makeTopic(numPartitions = 1, config: Record<string, string> = {}): Promise<string> {
  const topic = `department-${randomBytes(6).toString('hex')}`;
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions, configEntries }] });
  topics.push(topic);
  return topic;
}

const connector = createKafkaConnector();
const read = (topic: string, options: ReadOnceOptions = {}, more: object = {}) =>
  readOnce(connector, { brokers, topic, tls: { mode: 'off' }, ...more }, { mode: 'append', ...options });
const send = (topic: string, ...messages: Message[]) => producer.send({ topic, messages });
const json = (value: unknown): string => JSON.stringify(value);

async function forget(topic: string, offset: string): Promise<void> {
  // Makes kafkajs learn who leads the partition.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset }] });
}

describe('messages that are rows', () => {
  test('come once, in order, with the columns of all of them and numbers to the last digit; then unchanged without a consumer', async () => {
    const topic = await makeTopic();
    await send(
      topic,
      { value: '{"id":9007199254740993,"name":"道里区"}' },
      { value: '{"id":2,"price":1.10,"tags":["a",{"n":1e400}]}' },
    );
    const first = await read(topic);
    expect(first[0]).toMatchObject({
      type: 'start',
      columns: [{ name: 'id' }, { name: 'name' }, { name: 'price' }, { name: 'tags' }],
    });
    expect(rowsOf(first)).toEqual([
      ['9007199254740993', '道里区', '', ''],
      ['2', '', '1.10', '["a",{"n":1e400}]'],
    ]);
    const { cursor } = endOf(first);
    expect(runsOf(first)).toEqual([{ row: 0, line: 1, file: 0 }]);
    const before = (await admin.listGroups()).groups.length;
    expect(typesOf(await read(topic, { cursor }))).toEqual(['unchanged']);
    expect((await admin.listGroups()).groups.length).toBeLessThanOrEqual(before);
    await send(topic, { value: '{"id":3}' });
    const part = await read(topic, { cursor });
    // Columns that do not occur in a part are still there.
    expect(rowsOf(part)).toEqual([['3', '', '', '']]);
    expect(part[0]).toMatchObject({ scope: 'part' });
  });

  test('that are broken are rejected by partition and offset, and nothing else is lost', async () => {
    const topic = await makeTopic();
    await send(
      topic,
      { value: '{"id":1}' },
      { value: '{"id":' },
      { value: '[1]' },
      { value: Buffer.from([0, 0, 0, 0, 1, 65]) },
      { value: Buffer.from([0x7b, 0xff, 0x7d]) },
      { value: '{"id":2}' },
    );
    const messages = await read(topic);
    expect(rowsOf(messages)).toEqual([['1'], ['2']]);
    const rejected = messages.flatMap((message) => (message.type === 'rejected' ? message.rows : []));
    expect(rejected.map(({ line, file, code }) => [line, file, code])).toEqual([
      [2, 0, 'row.json'],
      [3, 0, 'row.json'],
      [4, 0, 'row.json'],
      [5, 0, 'row.json'],
    ]);
    expect(rejected[0]?.message).toContain(`${topic}, partition 0, offset 1`);
    expect(rejected[2]?.message).toContain('schema registry');
  });

  test('a message without value deletes the row of its key in mode merge, and is nothing in mode append', async () => {
    const topic = await makeTopic();
    await send(
      topic,
      { key: '1', value: '{"name":"a"}' },
      { key: 'text', value: '{"name":"b"}' },
      { key: '{"id":7}', value: '{"name":"c"}' },
      { key: '1', value: null },
      { key: '{"id":7}', value: null },
    );
    const options = { mode: 'merge' as const, primaryKey: ['id'] };
    const merged = await read(topic, options);
    expect(merged[0]).toMatchObject({ operations: true, scope: 'all' });
    expect(rowsOf(merged)).toEqual([
      ['+', '1', 'a'],
      ['+', 'text', 'b'],
      ['+', '7', 'c'],
      ['-', '1', ''],
      ['-', '7', ''],
    ]);
    expect(rowsOf(await read(topic))).toEqual([['a'], ['b'], ['c']]);
  });

  test('that are marked as deleted delete the row of their key, as flattened changes of Debezium do', async () => {
    const topic = await makeTopic();
    await send(
      topic,
      { value: '{"id":1,"name":"a","__deleted":"false"}' },
      { value: '{"id":2,"name":"b"}' },
      { value: '{"id":1,"name":null,"__deleted":"true"}' },
    );
    const config = { softDelete: { column: '__deleted' } };
    expect(
      rowsOf(await read(topic, { mode: 'merge', primaryKey: ['id'] }, config)).map(([op, id]) => [op, id]),
    ).toEqual([
      ['+', '1'],
      ['+', '2'],
      ['-', '1'],
    ]);
    await expect(read(topic, {}, config)).rejects.toMatchObject({ code: 'connector.config-invalid' });
  });

  test('of transactions count when these are committed, and control records are no messages', async () => {
    const topic = await makeTopic();
    const writer = kafka.producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 });
    await writer.connect();
    const within = async (value: string, end: 'commit' | 'abort') => {
      const transaction = await writer.transaction();
      await transaction.send({ topic, messages: [{ value }] });
      await transaction[end]();
    };
    await within('{"id":1}', 'commit');
    await within('{"id":2}', 'abort');
    await within('{"id":3}', 'commit');
    const first = await read(topic);
    expect(rowsOf(first)).toEqual([['1'], ['3']]);
    const { cursor } = endOf(first);
    expect(typesOf(await read(topic, { cursor }))).toEqual(['unchanged']);
    await within('{"id":4}', 'abort');
    const nothing = await read(topic, { cursor });
    expect(rowsOf(nothing)).toEqual([]);
    await within('{"id":5}', 'commit');
    expect(rowsOf(await read(topic, { cursor: endOf(nothing).cursor }))).toEqual([['5']]);
    await writer.disconnect();
  });

  test('are read in parts of about maxRecords after the first read, none lost and none twice', async () => {
    const topic = await makeTopic(3);
    await send(topic, { value: '{"id":-1}', partition: 0 });
    let { cursor } = endOf(await read(topic));
    const ids = Array.from({ length: 3000 }, (_, id) => id);
    for (let at = 0; at < ids.length; at += 100)
      await send(topic, ...ids.slice(at, at + 100).map((id) => ({ value: json({ id }), partition: id % 3 })));
    const found: string[] = [];
    let reads = 0;
    for (; ; reads++) {
      const messages = await read(topic, { cursor }, { maxRecords: 1000 });
      if (messages[0]?.type === 'unchanged') break;
      found.push(...rowsOf(messages).map(([id]) => id ?? ''));
      ({ cursor } = endOf(messages));
    }
    expect(reads).toBeGreaterThanOrEqual(1);
    expect(found.map(Number).toSorted((a, b) => a - b)).toEqual(ids);
  });

  test('that were deleted before they were read are a gap, as is a topic made anew; a full read goes on', async () => {
    const topic = await makeTopic(1, { 'cleanup.policy': 'delete' });
    await send(topic, { value: '{"id":1}' }, { value: '{"id":2}' });
    const { cursor } = endOf(await read(topic));
    await send(topic, { value: '{"id":3}' }, { value: '{"id":4}' });
    await forget(topic, '2');
    expect(rowsOf(await read(topic, { cursor }))).toEqual([['3'], ['4']]);
    await forget(topic, '3');
    await expect(read(topic, { cursor })).rejects.toMatchObject({
      code: 'source.gap',
      actor: 'department',
      retryable: false,
      message: expect.stringContaining('--full'),
    });
    expect(rowsOf(await read(topic))).toEqual([['4']]);
    const shorter = await makeTopic();
    await send(shorter, { value: '{"id":1}' });
    const long = { ...cursor, reading: endOf(await read(shorter)).cursor.reading };
    await expect(read(shorter, { cursor: long })).rejects.toMatchObject({ code: 'source.gap' });
  });
});

describe('messages that are compressed', () => {
  const ids = Array.from({ length: 3000 }, (_, id) => id);
  const rows = ids.map((id) => ({
    value: json({ id, name: `道里区${id % 97}`, note: `note ${(id * 7919) % 10_007} `.repeat(8) }),
  }));

  // The broker packs them anew by the codecs of Kafka's own client.
  test.each(['gzip', 'snappy', 'lz4', 'zstd'])('as Kafka itself packs them are read to the byte: %s', async (codec) => {
    const topic = await makeTopic(1, { 'compression.type': codec });
    for (let at = 0; at < 5; at++) await send(topic, { value: json({ id: -at }) });
    await send(topic, ...rows);
    const found = rowsOf(await read(topic));
    expect(found.slice(0, 5).map(([id]) => Number(id))).toEqual([0, -1, -2, -3, -4]);
    expect(found.slice(5).map(([id, name, note]) => ({ value: json({ id: Number(id), name, note }) }))).toEqual(rows);
  });

  test('and large when unpacked come in parts, none lost and none twice', async () => {
    const topic = await makeTopic(2);
    // In the keys, which need no parsing.
    const key = 'x'.repeat(10_000);
    for (let at = 0; at < 6; at++)
      await producer.send({
        topic,
        compression: CompressionTypes.GZIP,
        messages: Array.from({ length: 1500 }, (_, id) => ({
          key,
          value: json({ id: at * 1500 + id }),
          partition: at % 2,
        })),
      });
    const found = rowsOf(await read(topic)).map(([id]) => Number(id));
    expect(found.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 9000 }, (_, id) => id));
  });

  test('and come to too much end the read with an error that is not tried again', async () => {
    const topic = await makeTopic();
    const messages = [{ value: '{"id":1}' }, { value: Buffer.alloc(70 * 1024 * 1024, ' ') }];
    await producer.send({ topic, compression: CompressionTypes.GZIP, messages });
    await expect(read(topic)).rejects.toMatchObject({
      code: 'source.too-large',
      retryable: false,
      message: expect.stringContaining(`topic ${topic}`),
    });
  });
});

describe('who is to blame', () => {
  test('a topic that is not there, brokers that are not there, TLS that they do not speak, and a missing secret', async () => {
    await expect(read('no-such-topic-anywhere')).rejects.toMatchObject({ code: 'source.missing', actor: 'department' });
    const away = { brokers: ['127.0.0.1:1'] };
    await expect(read('t', {}, away)).rejects.toMatchObject({ code: 'source.unreachable', actor: 'department' });
    await expect(read('t', {}, { tls: { mode: 'verify' } })).rejects.toMatchObject({
      code: expect.stringMatching(/^source\.(refused|unreachable)$/),
    });
    const sasl = { sasl: { mechanism: 'plain' } };
    await expect(read('t', {}, sasl)).rejects.toMatchObject({ code: 'connector.config-invalid' });
    await expect(read('t', { secrets: { username: 'u', password: 'canary-secret' } }, sasl)).rejects.toMatchObject({
      code: expect.stringMatching(/^source\./),
      message: expect.not.stringContaining('canary'),
    });
  });

  test('Debezium changes cannot be read in a mode that only adds rows', async () => {
    await expect(read('t', {}, { format: 'debezium' })).rejects.toMatchObject({ code: 'connector.config-invalid' });
  });

  describe('behind a proxy at another address', () => {
    let proxy: Server;
    beforeAll(async () => {
      const { hostname, port } = new URL(`tcp://${brokers[0]}`);
      proxy = createServer((socket) => {
        const broker = connectTcp({ host: hostname, port: Number(port) });
        socket.pipe(broker).pipe(socket);
        socket.on('error', () => broker.destroy());
        broker.on('error', () => socket.destroy());
      });
      await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.2', resolve));
    });
    afterAll(() => new Promise((resolve) => proxy.close(resolve)));

    test('an advertised address is checked as the first one is', async () => {
      const topic = await makeTopic();
      const first = { brokers: [`127.0.0.2:${(proxy.address() as AddressInfo).port}`] };
      const refused = { code: 'connector.address-refused', actor: 'operator' };
      await expect(read(topic, { network: createNetwork({ allowed: [] }) }, first)).rejects.toMatchObject(refused);
      await expect(read(topic, { network: createNetwork({ allowed: ['127.0.0.2'] }) }, first)).rejects.toMatchObject(
        refused,
      );
    });
  });
});

test('test and discover tell what is there', async () => {
  const topic = await makeTopic(2);
  await send(topic, { key: '{"schema":{},"payload":{"id":1}}', value: '{"id":1,"name":"a"}' });
  const streams = await discoverOnce(topic);
  expect(streams).toMatchObject([
    { name: topic, columns: [{ name: 'id' }, { name: 'name' }], rowsEstimate: 1, key: ['id'] },
  ]);
});

async function discoverOnce(topic: string) {
  const found: unknown[] = [];
  const probe = {
    ...connector,
    async *read(context: Parameters<typeof connector.read>[0]) {
      found.push(...(await connector.discover(context)));
      expect((await connector.test(context)).message).toContain('2 partition(s), 1 message(s)');
      yield { type: 'unchanged' as const };
    },
  };
  await readOnce(probe, { brokers, topic, tls: { mode: 'off' } });
  return found;
}

test('topics in which Songhua keeps what was not screened yet are no source', () => {
  const valid = (topic: string): boolean => connector.configSchema.safeParse({ brokers, topic }).success;
  expect(['orders', 'songhua.versions.v1'].map(valid)).toEqual([true, true]);
  expect(['songhua.records.v1', 'songhua.records.dead.v1'].map(valid)).toEqual([false, false]);
  expect(['staging.songhua.records.v1', 'staging.songhua.versions.v1'].map(valid)).toEqual([false, true]);
});
