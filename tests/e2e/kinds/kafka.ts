import { randomBytes } from 'node:crypto';
import { Kafka, logLevel, type Message } from 'kafkajs';
import { type Source, type StartSources, type Table, tableFor } from './source.js';

// 16 digits stay a number, whose digits must all arrive.
const cell = (text: string): string => (text === '' ? 'null' : /^\d{16}$/.test(text) ? text : JSON.stringify(text));
const objectOf = (columns: string[], row: string[]): string =>
  `{${columns.map((column, at) => `${JSON.stringify(column)}:${cell(row[at] ?? '')}`).join(',')}}`;

const plainJson = ({ columns, rows }: Table): Message[] => rows.map((row) => ({ value: objectOf(columns, row) }));

/** A snapshot with rows that are then changed or deleted again, each event twice, as after a restart of Debezium. */
function debezium({ columns, rows }: Table, key: string[]): Message[] {
  const keyOf = (row: string[]): string => objectOf(key, row);
  const change = (op: string, row: string[], source = '{}'): Message => ({
    key: keyOf(row),
    value: `{"op":"${op}",${op === 'd' ? `"before":${objectOf(columns, row)},"after":null` : `"before":null,"after":${objectOf(columns, row)}`},"source":${source}}`,
  });
  const old = (row: string[]): string[] => row.map((text, at) => (at < key.length ? text : text === '' ? '1' : '旧'));
  const gone = rows.slice(0, 5).map((row) => row.map((text, at) => (at < key.length ? `gone-${text}` : text)));
  const snapshot = [...rows.map(old), ...gone];
  const last = snapshot.length - 1;
  return [
    ...snapshot.map((row, at) => change('r', row, `{"snapshot":"${at === last ? 'last' : 'true'}"}`)),
    ...rows.flatMap((row) => [change('u', row), change('u', row)]),
    ...gone.flatMap((row) => [change('d', row), { key: keyOf(row), value: null }]),
  ];
}

/** Topics of the tests' Kafka: plain rows, and changes as Debezium writes them. */
export const kafka: StartSources = async ({ document }) => {
  const brokers = (process.env.SONGHUA_TEST_KAFKA_BROKERS ?? '').split(',');
  const client = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const [admin, producer] = [client.admin(), client.producer()];
  await Promise.all([admin.connect(), producer.connect()]);
  const table = tableFor(document);
  const topics: string[] = [];
  const topicOf = async (messages: Message[]): Promise<string> => {
    const topic = `department-${randomBytes(6).toString('hex')}`;
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1 }] });
    topics.push(topic);
    await producer.send({ topic, messages });
    return topic;
  };
  const common = { tls: { mode: 'off' }, sasl: undefined };
  const sources: Source[] = [
    {
      kind: 'kafka',
      title: 'messages that are rows',
      mode: 'append',
      config: { brokers, topic: await topicOf(plainJson(table)) },
      more: { ...common, format: 'json' },
      secrets: {},
      table,
    },
    {
      kind: 'kafka',
      title: 'changes of Debezium: a snapshot, changes twice, deletes',
      mode: 'cdc',
      config: { brokers, topic: await topicOf(debezium(table, document.dataset.spec.primaryKey)) },
      more: { ...common, format: 'debezium' },
      secrets: {},
      table,
    },
  ];
  return {
    sources,
    stop: async () => {
      await admin.deleteTopics({ topics });
      await Promise.all([admin.disconnect(), producer.disconnect()]);
    },
  };
};
