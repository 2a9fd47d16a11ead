import { setTimeout as wait } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { kafkaError, messagingError } from '../errors.js';
import type { MessagingOptions, TopicSpec } from '../types.js';
import { connectKafka, RETRY } from './client.js';

/** Creates the topics that are missing and waits for their leaders; leaves the ones that are there as they are. */
export async function ensureKafkaTopics(options: MessagingOptions, topics: TopicSpec[]): Promise<void> {
  await administer(options, `creating topics ${topics.map((topic) => topic.name).join(', ')}`, async (admin) => {
    const present = new Set(await admin.listTopics());
    const missing = topics.filter((topic) => !present.has(topic.name));
    if (missing.length === 0) return;
    for (let look = 1; ; look++) {
      try {
        await createTopics(admin, missing);
        return;
      } catch (error) {
        if (!isUnknownTopic(error) || look === LOOKS) throw error;
        await wait(LOOK_AGAIN_MS);
      }
    }
  });
}

// A topic just created may take a moment to be known to every broker, and to the one that created it.
const LOOKS = 5;
const LOOK_AGAIN_MS = 200;
const isUnknownTopic = (error: unknown): boolean => (error as { type?: unknown }).type === 'UNKNOWN_TOPIC_OR_PARTITION';

/** Those that are there meanwhile stay as they are. */
async function createTopics(admin: Admin, topics: TopicSpec[]): Promise<void> {
  await admin.createTopics({
    waitForLeaders: true,
    topics: topics.map(({ name, partitions, config = {} }) => ({
      topic: name,
      numPartitions: partitions,
      replicationFactor: -1, // the broker's default, so that one code path fits one broker and a cluster
      configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
    })),
  });
}

/** Throws `messaging.topic-missing` unless every topic is there. kafkajs would retry for half a minute before it says so. */
export async function assertTopics(options: MessagingOptions, topics: string[]): Promise<void> {
  await administer(options, `looking for topics ${topics.join(', ')}`, async (admin) => {
    let missing: string[] = [];
    for (let look = 0; look < LOOKS; look++) {
      if (look > 0) await wait(LOOK_AGAIN_MS);
      const present = new Set(await admin.listTopics());
      missing = topics.filter((topic) => !present.has(topic));
      if (missing.length === 0) return;
    }
    throw messagingError(
      'messaging.topic-missing',
      `topic ${missing.join(', ')} does not exist on the brokers ${options.brokers.join(', ')}; create it (ensureTopics) or correct its name`,
    );
  });
}

/** Removes the topics that are there. */
export async function deleteKafkaTopics(options: MessagingOptions, topics: string[]): Promise<void> {
  await administer(options, `deleting topics ${topics.join(', ')}`, async (admin) => {
    const present = new Set(await admin.listTopics());
    const found = topics.filter((topic) => present.has(topic));
    if (found.length > 0) await admin.deleteTopics({ topics: found });
  });
}

/** Asks for the brokers of the cluster, once. Connected anew each time, so that nothing is kept open for a question a second. */
export async function pingKafka(options: MessagingOptions): Promise<void> {
  const ask = async (admin: Admin) => void (await admin.describeCluster());
  await administer(options, `asking the brokers ${options.brokers.join(', ')}`, ask, { ...RETRY, retries: 0 });
}

async function administer(
  options: MessagingOptions,
  where: string,
  work: (admin: Admin) => Promise<void>,
  retry = RETRY,
): Promise<void> {
  const admin = connectKafka(options, retry).admin();
  try {
    await admin.connect();
    await work(admin);
  } catch (error) {
    throw kafkaError(error, where);
  } finally {
    await admin.disconnect();
  }
}
