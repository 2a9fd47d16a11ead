import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Consumer, Messaging, Producer } from '@songhua/messaging';
import { messagingOnKafka, testBrokers } from './engines.js';

// The member to be killed is plain kafkajs: a process that is killed runs none of our code, and what counts is what the others do.
const MEMBER = `
const { Kafka, logLevel } = require(${JSON.stringify(require.resolve('kafkajs'))});
const [brokers, topic] = process.argv.slice(1);
const consumer = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING })
  .consumer({ groupId: topic, sessionTimeout: 10000, heartbeatInterval: 1000 });
(async () => {
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ autoCommit: false, eachMessage: async ({ partition }) => process.stdout.write('got ' + partition + '\\n') });
})();
`;

const topic = `killed.${randomBytes(8).toString('hex')}`;
let messaging: Messaging;
let producer: Producer;
let survivor: Consumer | undefined;
let member: ChildProcess | undefined;

beforeAll(async () => {
  messaging = messagingOnKafka();
  await messaging.ensureTopics([
    { name: topic, partitions: 4 },
    { name: `${topic}.dead`, partitions: 1 },
  ]);
  producer = await messaging.producer();
});

afterAll(async () => {
  member?.kill('SIGKILL');
  await survivor?.close();
  await producer.close();
});

test('the partitions of a killed member go to the survivor, from the committed offsets', async () => {
  const send = (from: number, to: number) =>
    Promise.all(
      Array.from({ length: to - from }, (_, i) =>
        producer.send(topic, [{ key: `k${from + i}`, value: Buffer.from(String(from + i)), headers: {} }]),
      ),
    );
  const got = new Set<string>();
  let onMessage: () => void = () => undefined;
  const have = (count: number) =>
    new Promise<void>((resolve) => {
      onMessage = () => {
        if (got.size >= count) resolve();
      };
      onMessage();
    });

  survivor = await messaging.consume({
    group: topic,
    topic,
    deadLetterTopic: `${topic}.dead`,
    handlerFor: () => {
      let resume: string | undefined;
      return {
        handle: async (message) => {
          got.add(message.value.toString());
          resume = String(BigInt(message.offset) + 1n);
          onMessage();
        },
        resumeOffset: () => resume,
      };
    },
  });
  await send(0, 40);
  await have(40);

  member = spawn(process.execPath, ['-e', MEMBER, testBrokers().join(','), topic], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stdout = member.stdout;
  if (!stdout) throw new Error('the member has no output');
  const memberReads = once(stdout, 'data');
  // Until the rebalance is done the survivor may take these; the member gets its share of some round.
  let sent = 40;
  const timer = setInterval(() => {
    void send(sent, sent + 20);
    sent += 20;
  }, 500);
  await memberReads;
  clearInterval(timer);
  member.kill('SIGKILL');
  await once(member, 'exit');

  await send(sent, sent + 20);
  sent += 20;
  await have(sent);
  expect(got.size).toBe(sent);
}, 90_000);
