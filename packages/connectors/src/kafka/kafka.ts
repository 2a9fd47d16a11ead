import { type Connector, type ReadContext, type SourceMessage, throwIfAborted } from '@songhua/connector-sdk';
import { nameColumns } from '@songhua/formats';
import { openTopic, type Watermarks } from './client.js';
import { type KafkaConfig, kafkaConfigSchema } from './config.js';
import { createEnvelopeReader, decodeDebezium } from './debezium.js';
import { isObject } from './decode.js';
import { decodeJson } from './json.js';
import { readTopic } from './read.js';

// Enough to see the columns of a topic.
const LOOKED_AT = 500n;

/** Reads one topic. Secrets: `username` and `password`, where the config has `sasl`. */
export function createKafkaConnector(): Connector<KafkaConfig> {
  return {
    kind: 'kafka',
    title: { zh: 'Kafka 主题', en: 'Kafka topic' },
    configSchema: kafkaConfigSchema,
    async test(context) {
      const watermarks = await watermarksOf(context);
      const held = watermarks.reduce((sum, { low, high }) => sum + high - low, 0n);
      return { message: `${watermarks.length} partition(s), ${held} message(s) at most` };
    },
    discover,
    read,
  };
}

async function* read(context: ReadContext<KafkaConfig>): AsyncGenerator<SourceMessage> {
  const topic = openTopic(context);
  try {
    yield* readTopic(context, topic);
  } finally {
    await topic.close();
  }
}

async function watermarksOf(context: ReadContext<KafkaConfig>): Promise<Watermarks[]> {
  throwIfAborted(context.signal);
  const topic = openTopic(context);
  try {
    return await topic.watermarks();
  } finally {
    await topic.close();
  }
}

/** The columns of the newest messages. */
async function discover(context: ReadContext<KafkaConfig>) {
  throwIfAborted(context.signal);
  const { config } = context;
  const topic = openTopic(context);
  try {
    const watermarks = await topic.watermarks();
    const decode = config.format === 'debezium' ? decodeDebezium() : decodeJson({ operations: false, primaryKey: [] });
    const names = new Set<string>();
    const ranges = watermarks.map(({ partition, low, high }) => ({
      partition,
      from: high - LOOKED_AT > low ? high - LOOKED_AT : low,
      to: high,
    }));
    const keys = new Set<string>();
    const openKey = createEnvelopeReader();
    await topic.consume(ranges, async (_, messages) => {
      for (const message of messages) {
        const decoded = decode(message);
        if (decoded.type !== 'row') continue;
        for (const [name] of decoded.cells) names.add(name);
        const key = message.key === null ? undefined : openKey(message.key)?.payload;
        if (isObject(key)) for (const name of Object.keys(key)) keys.add(name);
      }
      return true;
    });
    const rowsEstimate = watermarks.reduce((sum, { low, high }) => sum + Number(high - low), 0);
    const key = [...keys].filter((name) => names.has(name));
    return [{ name: config.topic, columns: nameColumns([...names]), rowsEstimate, ...(key.length > 0 ? { key } : {}) }];
  } finally {
    await topic.close();
  }
}
