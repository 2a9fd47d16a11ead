import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import type { Reason } from '@songhua/domain';
import type {
  Consumer,
  ConsumerOptions,
  IncomingMessage,
  Messaging,
  OutgoingMessage,
  PartitionHandler,
  Producer,
} from '../types.js';

const PATIENCE_MS = 30_000;

/** Waits until `condition` holds; fails with `what` after 30 s. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  for (const start = Date.now(); !condition(); ) {
    if (Date.now() - start > PATIENCE_MS) throw new Error(`waited ${PATIENCE_MS / 1000} s for: ${what}`);
    await wait(5);
  }
}

/** A handler that records what it is given, and whose effects are durable at once. `before` may throw; `refuse` tells what is refused. */
export function recorder(
  into: IncomingMessage[],
  before: (message: IncomingMessage) => unknown = () => undefined,
  refuse: (message: IncomingMessage) => Reason | undefined = () => undefined,
): PartitionHandler {
  let resume: string | undefined;
  return {
    async handle(message) {
      await before(message);
      const refusal = refuse(message);
      if (!refusal) into.push(message);
      resume = after(message.offset);
      return refusal;
    },
    resumeOffset: () => resume,
  };
}

export const after = (offset: string): string => String(BigInt(offset) + 1n);

export const message = (key: string, text: string, headers: Record<string, string> = {}): OutgoingMessage => ({
  key,
  value: Buffer.from(text),
  headers,
});

export const texts = (messages: IncomingMessage[]): string[] => messages.map(({ value }) => value.toString());

export interface Fixture {
  messaging(): Messaging;
  producer(): Producer;
  /** A topic of its own for one test, with `.dead` beside it. */
  topic(partitions?: number): Promise<string>;
  /** A consumer that is closed after the test, whatever becomes of it. */
  consume(topic: string, handlerFor: ConsumerOptions['handlerFor'], more?: Partial<ConsumerOptions>): Promise<Consumer>;
}

export function useMessaging(create: () => Messaging): Fixture {
  const consumers: Consumer[] = [];
  let made: { messaging: Messaging; producer: Producer } | undefined;
  const current = () => {
    if (!made) throw new Error('messaging is made before the tests run');
    return made;
  };
  beforeAll(async () => {
    const messaging = create();
    made = { messaging, producer: await messaging.producer() };
  });
  afterEach(async () => {
    await Promise.all(consumers.splice(0).map((consumer) => consumer.close()));
  });
  afterAll(async () => {
    await made?.producer.close();
  });
  return {
    messaging: () => current().messaging,
    producer: () => current().producer,
    async topic(partitions = 1) {
      const name = `conformance.${randomBytes(8).toString('hex')}`;
      await current().messaging.ensureTopics([
        { name, partitions },
        { name: `${name}.dead`, partitions: 1 },
      ]);
      return name;
    },
    async consume(topic, handlerFor, more = {}) {
      const consumer = await current().messaging.consume({
        group: topic,
        topic,
        // Whoever reads dead letters has nowhere further to put them.
        deadLetterTopic: topic.endsWith('.dead') ? topic : `${topic}.dead`,
        handlerFor,
        ...more,
      });
      // A test that expects a failure looks at `finished` itself; any other must not end the test process.
      consumer.finished.catch(() => undefined);
      consumers.push(consumer);
      return consumer;
    },
  };
}
