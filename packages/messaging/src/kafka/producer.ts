import { createBudget } from '@songhua/runtime/budget';
import { Partitioners } from 'kafkajs';
import { messagingError } from '../errors.js';
import type { MessagingOptions, OutgoingMessage, Producer } from '../types.js';
import { connectKafka, RETRY } from './client.js';
import { createOutlet } from './outlet.js';
import { assertTopics } from './topics.js';

// Requests in flight at once: as many keep one broker busy as more would.
const OUTLETS = 4;
const MAX_IN_FLIGHT_BYTES = 6 * 1024 * 1024;
// The broker's default max.message.bytes is 1,048,588, for all messages of a request to one partition together.
const MAX_REQUEST_BYTES = 1_000_000;
// Upper bound of the framing of one record and one header.
const RECORD_OVERHEAD = 32;

/**
 * A producer that keeps the order within a key: a key always takes the same outlet, and an outlet sends one request at a time. At most
 * 6 MiB wait or are under way; beyond that `send` waits.
 */
export async function createKafkaProducer(options: MessagingOptions): Promise<Producer> {
  const outlets = Array.from({ length: OUTLETS }, () =>
    createOutlet(
      () =>
        connectKafka(options).producer({
          idempotent: true,
          allowAutoTopicCreation: false,
          createPartitioner: Partitioners.DefaultPartitioner,
          retry: RETRY,
        }),
      MAX_REQUEST_BYTES,
    ),
  );
  const budget = createBudget(MAX_IN_FLIGHT_BYTES);
  let closed = false;
  await outlets[0]?.connect();

  const sendPart = async (topic: string, outlet: number, messages: OutgoingMessage[], bytes: number): Promise<void> => {
    await budget.take(bytes);
    try {
      await outlets[outlet]?.send(topic, messages, bytes);
    } finally {
      budget.give(bytes);
    }
  };

  const known = new Map<string, Promise<void>>();
  const topicKnown = (topic: string): Promise<void> => {
    let looked = known.get(topic);
    if (!looked) {
      looked = assertTopics(options, [topic]);
      known.set(topic, looked);
      looked.catch(() => known.delete(topic));
    }
    return looked;
  };

  const sendAll = async (topic: string, messages: OutgoingMessage[]): Promise<void> => {
    const sizes = messages.map((message) => sizeOf(topic, message));
    await topicKnown(topic);
    const parts: Promise<void>[] = [];
    for (let outlet = 0; outlet < OUTLETS; outlet++) {
      let part: OutgoingMessage[] = [];
      let bytes = 0;
      for (const [i, message] of messages.entries()) {
        if (outletOfKey(message.key) !== outlet) continue;
        const size = sizes[i] ?? 0;
        if (part.length > 0 && bytes + size > MAX_REQUEST_BYTES) {
          parts.push(sendPart(topic, outlet, part, bytes));
          part = [];
          bytes = 0;
        }
        part.push(message);
        bytes += size;
      }
      if (part.length > 0) parts.push(sendPart(topic, outlet, part, bytes));
    }
    await settled(parts);
  };

  const underWay = new Set<Promise<void>>();
  return {
    async send(topic, messages) {
      if (closed) throw messagingError('messaging.closed', `sending to ${topic}: the producer is closed`);
      const sending = sendAll(topic, messages);
      underWay.add(sending);
      try {
        await sending;
      } finally {
        underWay.delete(sending);
      }
    },
    async close() {
      closed = true;
      await Promise.allSettled(underWay);
      await Promise.all(outlets.map((outlet) => outlet.close()));
    },
  };
}

/** Waits for all, so that nothing of a failed `send` is still under way when it rejects with the first failure. */
async function settled(parts: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(parts);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

function outletOfKey(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) >>> 0;
  return hash % OUTLETS;
}

function sizeOf(topic: string, message: OutgoingMessage): number {
  let bytes = RECORD_OVERHEAD + Buffer.byteLength(message.key) + message.value.length;
  for (const [name, value] of Object.entries(message.headers))
    bytes += RECORD_OVERHEAD + Buffer.byteLength(name) + Buffer.byteLength(value);
  if (bytes > MAX_REQUEST_BYTES)
    throw messagingError(
      'messaging.too-large',
      `sending to ${topic}: a message of ${bytes} bytes is beyond the limit of ${MAX_REQUEST_BYTES}; make batches smaller`,
    );
  return bytes;
}
