import { setTimeout as delay } from 'node:timers/promises';
import type { EstateRepository } from '@songhua/catalog';
import type { VersionEvent } from '@songhua/contracts';
import { reasonOf } from '@songhua/domain';
import type { OutgoingMessage, Producer } from '@songhua/messaging';
import { Counter, type Logger, type Registry } from '@songhua/runtime';
import { createWake } from './wake.js';

// One send's worth: about 500 kB of events.
const BATCH = 500;
// Notifications are hints; what one missed is found within a second.
const LOOK_MS = 1000;
const BACKOFF_MS = { first: 200, most: 15_000 };

export interface Relay {
  /** Something may have been committed. */
  wake(): void;
  close(): Promise<void>;
}

const toMessage = (event: VersionEvent): OutgoingMessage => ({
  key: event.data.dataset,
  value: Buffer.from(JSON.stringify(event)),
  headers: {
    'content-type': 'application/cloudevents+json; charset=UTF-8',
    ...(event.traceparent ? { traceparent: event.traceparent } : {}),
  },
});

/**
 * Announces committed versions on their topic, in order, at least once; of several replicas one at a time does.
 * While Kafka or PostgreSQL is away it waits longer from try to try and loses nothing.
 */
export function startRelay(options: {
  catalog: EstateRepository;
  producer: Producer;
  topic: string;
  logger: Logger;
  metrics: Registry;
}): Relay {
  const { catalog, producer, topic, logger } = options;
  const signal = createWake();
  let pending = true;
  const closing = new AbortController();
  const announced = new Counter({
    name: 'songhua_versions_announced_total',
    help: 'Versions announced on Kafka by this process',
    registers: [options.metrics],
  });

  const drain = async (): Promise<void> => {
    for (;;) {
      const count = await catalog.relay(BATCH, (events) => producer.send(topic, events.map(toMessage)));
      if (count === 'elsewhere' || count === 0) return;
      announced.inc(count);
    }
  };

  const finished = (async () => {
    let backoff = BACKOFF_MS.first;
    while (!closing.signal.aborted) {
      pending = false;
      try {
        await drain();
        backoff = BACKOFF_MS.first;
        if (!pending) await signal.wait(LOOK_MS);
      } catch (error) {
        if (closing.signal.aborted) return;
        logger.warn({ reason: reasonOf(error), againInMs: backoff }, 'versions could not be announced');
        await delay(backoff, undefined, { signal: closing.signal }).catch(() => undefined);
        backoff = Math.min(backoff * 2, BACKOFF_MS.most);
      }
    }
  })();

  return {
    wake() {
      pending = true;
      signal.wake();
    },
    async close() {
      closing.abort();
      signal.wake();
      await finished;
    },
  };
}
