#!/usr/bin/env node
/**
 * How fast the kind `kafka` reads, and in how much memory.
 *
 *   npm run build && node tests/performance/kafka-read.mjs BROKERS [--messages N]
 *
 * Makes a topic of 4 partitions for each of: plain JSON, Debezium changes without schema, and with the schema that Kafka Connect's
 * converter adds to each. A process of its own reads it; the first read and one that finds nothing new count. The topics are deleted.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const requireFrom = (folder) => createRequire(join(root, folder, 'package.json'));
const { Kafka, logLevel } = requireFrom('packages/connectors')('kafkajs');
const [brokers = '127.0.0.1:9092', flag, count] = process.argv.slice(2);
const messages = flag === '--messages' ? Number(count) : 100_000;

async function read(topic, format) {
  const { createKafkaConnector, createNetwork } = requireFrom('tests')('@songhua/connectors');
  const connector = createKafkaConnector();
  const tempDir = mkdtempSync(join(tmpdir(), 'songhua-kafka-read-'));
  const context = (cursor) => ({
    config: connector.configSchema.parse({ brokers: brokers.split(','), topic, format, tls: { mode: 'off' } }),
    secrets: {},
    cursor,
    signal: new AbortController().signal,
    tempDir,
    limits: { maxBytes: 16 * 1024 ** 3, timeoutMs: 3_600_000 },
    mode: format === 'json' ? 'append' : 'cdc',
    primaryKey: ['id'],
    network: createNetwork({ allowed: ['127.0.0.1'] }),
  });
  const timed = async (work) => {
    const [started, cpu] = [performance.now(), process.cpuUsage()];
    const result = await work();
    const { user, system } = process.cpuUsage(cpu);
    return { result, seconds: (performance.now() - started) / 1000, cpuSeconds: (user + system) / 1e6 };
  };
  const idleMb = process.memoryUsage().rss / 1e6;
  const all = async (cursor) => {
    let [rows, after] = [0, cursor];
    for await (const message of connector.read(context(cursor))) {
      if (message.type === 'rows') rows += message.rows;
      if (message.type === 'end') after = message.cursor;
    }
    return { rows, cursor: after };
  };
  const first = await timed(() => all(undefined));
  const again = await timed(() => all(first.result.cursor));
  rmSync(tempDir, { recursive: true });
  console.log(
    `${format.padEnd(9)} ${first.result.rows} rows  ${first.seconds.toFixed(1)} s, ${first.cpuSeconds.toFixed(1)} CPU-s  ` +
      `${Math.round(first.result.rows / first.seconds)} rows/s  ${Math.round(first.result.rows / first.cpuSeconds)} rows/CPU-s  ` +
      `peak ${Math.round(process.resourceUsage().maxRSS / 1000)} MB (idle ${Math.round(idleMb)})  nothing new ${Math.round(again.seconds * 1000)} ms`,
  );
}

const value = (id) => `{"id":${id},"name":"道里区${id}","amount":${id}.25,"day":19675,"note":"line ${id}, quoted"}`;
const change = (id) =>
  `{"before":null,"after":${value(id)},"source":{"version":"2.7","connector":"postgresql","name":"x","ts_ms":1700000000000,"snapshot":"false","db":"d","sequence":"[\\"1\\",\\"2\\"]","ts_us":1700000000000000,"schema":"public","table":"t","txId":1,"lsn":${id},"xmin":null},"op":"c","ts_ms":${1_700_000_000_000 + id}}`;
const fields = ['id', 'name', 'amount', 'day', 'note'].map((field) => ({ type: 'string', optional: true, field }));
const struct = (field) => ({ type: 'struct', fields, optional: true, name: 'x.Value', field });
const schema = JSON.stringify({ type: 'struct', fields: [struct('before'), struct('after')], name: 'x.Envelope' });
const SOURCES = [
  ['json', value],
  ['debezium', change],
  ['debezium', (id) => `{"schema":${schema},"payload":${change(id)}}`],
];

async function main() {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING });
  const [admin, producer] = [kafka.admin(), kafka.producer()];
  await Promise.all([admin.connect(), producer.connect()]);
  const topics = [];
  for (const [format, text] of SOURCES) {
    const topic = `songhua-performance-${process.pid}-${Date.now()}`;
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 4 }] });
    for (let at = 0; at < messages; at += 2_000)
      await producer.send({
        topic,
        messages: Array.from({ length: Math.min(2_000, messages - at) }, (_, i) => ({
          key: `{"id":${at + i}}`,
          value: text(at + i),
          partition: (at + i) % 4,
        })),
      });
    execFileSync(process.execPath, [fileURLToPath(import.meta.url), brokers, '--read', `${topic} ${format}`], {
      stdio: 'inherit',
    });
    topics.push(topic);
  }
  await admin.deleteTopics({ topics });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
}

if (flag === '--read') await read(...count.split(' '));
else await main();
