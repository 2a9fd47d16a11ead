import { Kafka, logLevel, type RetryOptions } from 'kafkajs';
import type { MessagingOptions } from '../types.js';

/**
 * Backoff of kafkajs within one call: 0.2, 0.4 … 1 s, about 25 s in all when the broker refuses connections. Short steps, because a
 * broker that is back should be noticed at once: a consumer that gave up meanwhile waits for its own old membership to expire.
 */
export const RETRY: RetryOptions = { initialRetryTime: 200, multiplier: 2, maxRetryTime: 1_000, retries: 28 };

/**
 * A kafkajs client of its own for each producer and consumer: consumers of one group that share a client also share its map of
 * committed offsets, and a rebalance of one erases those of the other.
 */
export function connectKafka({ brokers, clientId }: MessagingOptions, retry = RETRY): Kafka {
  return new Kafka({
    brokers,
    clientId,
    connectionTimeout: 3_000,
    requestTimeout: 15_000,
    retry,
    // Failures reach the caller as errors; kafkajs would also print each retry.
    logLevel: logLevel.NOTHING,
  });
}
