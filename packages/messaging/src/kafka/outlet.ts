import { CompressionTypes, type Producer as KafkaProducer } from 'kafkajs';
import { kafkaError } from '../errors.js';
import type { OutgoingMessage } from '../types.js';

/** One `send` of a caller that waits for its turn. */
interface Pending {
  topic: string;
  messages: OutgoingMessage[];
  bytes: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

export interface Outlet {
  send(topic: string, messages: OutgoingMessage[], bytes: number): Promise<void>;
  connect(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Sends one request at a time through one idempotent kafkajs producer; what arrives meanwhile goes together in the next request.
 *
 * One at a time, and a new producer after every failure, because kafkajs takes back the sequence numbers of a failed request: another
 * message sent under the same numbers would be taken for a duplicate by the broker and silently dropped.
 */
export function createOutlet(open: () => KafkaProducer, maxRequestBytes: number): Outlet {
  const queue: Pending[] = [];
  let producer: KafkaProducer | undefined;
  let running: Promise<void> = Promise.resolve();
  let busy = false;

  const connected = async (): Promise<KafkaProducer> => {
    if (producer) return producer;
    const fresh = open();
    try {
      await fresh.connect();
    } catch (error) {
      await fresh.disconnect().catch(() => undefined);
      throw kafkaError(error, 'connecting a producer');
    }
    producer = fresh;
    return fresh;
  };

  const nextRequest = (): Pending[] => {
    let bytes = 0;
    let count = 0;
    for (const pending of queue) {
      // One topic a request, so that a topic's failure is its own.
      if (count > 0 && (bytes + pending.bytes > maxRequestBytes || pending.topic !== queue[0]?.topic)) break;
      bytes += pending.bytes;
      count++;
    }
    return queue.splice(0, count);
  };

  const transmit = async (request: Pending[]): Promise<void> => {
    const topic = request[0]?.topic ?? '';
    try {
      const through = await connected();
      await through.send({
        acks: -1,
        compression: CompressionTypes.None, // values are gzip already
        topic,
        messages: request.flatMap((pending) => pending.messages),
      });
      for (const pending of request) pending.resolve();
    } catch (error) {
      const failed = producer;
      producer = undefined;
      await failed?.disconnect().catch(() => undefined);
      const known = kafkaError(error, `sending to ${topic}`);
      for (const pending of request) pending.reject(known);
    }
  };

  const drain = async (): Promise<void> => {
    while (queue.length > 0) await transmit(nextRequest());
    busy = false;
  };

  return {
    send: (topic, messages, bytes) =>
      new Promise((resolve, reject) => {
        queue.push({ topic, messages, bytes, resolve, reject });
        if (busy) return;
        busy = true;
        running = drain();
      }),
    connect: async () => {
      await connected();
    },
    async close() {
      await running;
      await producer?.disconnect();
      producer = undefined;
    },
  };
}
