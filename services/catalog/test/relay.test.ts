import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { namesOf, type VersionEvent, versionEventSchema } from '@songhua/contracts';
import { createKafkaMessaging } from '@songhua/messaging';
import { type Harness, startHarness } from './harness.js';
import { publishRows, register } from './publish.js';

const { topics } = namesOf('');
let harness: Harness;
const name = `relayed-${process.pid}-${Date.now()}`;
const seen: { event: VersionEvent; key: string; at: number }[] = [];
let stopConsumer: () => Promise<void>;

beforeAll(async () => {
  harness = await startHarness();
  const messaging = createKafkaMessaging({
    brokers: (process.env.SONGHUA_TEST_KAFKA_BROKERS ?? '').split(','),
    clientId: 'catalog-relay-test',
  });
  await messaging.ensureTopics([topics.versions, topics.deadRecords].map((topic) => ({ name: topic, partitions: 4 })));
  const consumer = await messaging.consume({
    group: `catalog-relay-test-${name}`,
    topic: topics.versions,
    deadLetterTopic: topics.deadRecords,
    handlerFor: () => ({
      handle: async ({ key, value }) => {
        if (key === name)
          seen.push({ key, event: versionEventSchema.parse(JSON.parse(value.toString())), at: Date.now() });
      },
      resumeOffset: () => undefined,
    }),
  });
  stopConsumer = () => consumer.close();
  await register(harness, name);
}, 60_000);
afterAll(async () => {
  await stopConsumer?.();
  await harness.stop();
});

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
};

test('each committed version is announced in order, keyed by its dataset, by one of two replicas at a time', async () => {
  const replica = await harness.replica();
  for (let i = 1; i <= 5; i++)
    await publishRows(
      harness,
      name,
      Array.from({ length: i }, (_, row) => [row, `row ${row}`]),
    );
  await until(() => seen.length >= 5);
  expect(seen.map(({ event }) => event.data.version)).toEqual([1, 2, 3, 4, 5]);
  expect(new Set(seen.map(({ event }) => event.id)).size).toBe(5);
  expect(seen[0]?.event).toMatchObject({
    specversion: '1.0',
    type: 'version.published',
    data: { dataset: name, rows: 1, changes: { added: 1, changed: 0, removed: 0 } },
  });
  await replica.stop();
}, 60_000);

test('a version is announced within 200 ms of its commit', async () => {
  const took: number[] = [];
  for (let i = 0; i < 5; i++) {
    const before = seen.length;
    await publishRows(harness, name, [[0, `new ${i}`]]);
    const committedAt = Date.now();
    await until(() => seen.length > before);
    took.push((seen.at(-1)?.at ?? 0) - committedAt);
    const [version] = await harness.catalog.estate.versions(name);
    expect(version?.version).toBe(seen.at(-1)?.event.data.version);
  }
  // The quickest: the machine and the consumer's own wait are in each of them.
  expect(Math.min(...took)).toBeLessThan(200);
}, 30_000);
