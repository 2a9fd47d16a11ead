import { kafkaError } from '../errors.js';
import type { MessagingOptions, TopicSpec } from '../types.js';
import { connectKafka } from './client.js';

/** Creates the topics that are missing and waits for their leaders; leaves the ones that are there as they are. */
export async function ensureKafkaTopics(options: MessagingOptions, topics: TopicSpec[]): Promise<void> {
  const admin = connectKafka(options).admin();
  try {
    await admin.connect();
    const present = new Set(await admin.listTopics());
    const missing = topics.filter((topic) => !present.has(topic.name));
    if (missing.length === 0) return;
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map(({ name, partitions, config = {} }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor: -1, // the broker's default, so that one code path fits one broker and a cluster
        configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
      })),
    });
  } catch (error) {
    throw kafkaError(error, `creating topics ${topics.map((topic) => topic.name).join(', ')}`);
  } finally {
    await admin.disconnect();
  }
}
