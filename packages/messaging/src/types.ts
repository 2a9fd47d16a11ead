import type { Reason } from '@songhua/domain';

export interface OutgoingMessage {
  key: string;
  value: Buffer;
  headers: Record<string, string>;
}

export interface IncomingMessage extends OutgoingMessage {
  topic: string;
  partition: number;
  /** Decimal text, because offsets pass 2^53. */
  offset: string;
}

export interface Producer {
  /** Resolves when every message is on all in-sync replicas; order within a key is kept. */
  send(topic: string, messages: OutgoingMessage[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Handles one partition for as long as it is assigned. A rebalance drops the handler and a new one starts from the committed
 * offset, so a handler may meet messages again: effects must be idempotent (I5).
 */
export interface PartitionHandler {
  /**
   * Called in offset order, one at a time. Answers why the message itself can never be used, if so, and the same each time it comes: it then
   * goes to the dead-letter topic.
   * What is thrown is never held against the message, whatever it says of itself: the same message is tried again with backoff, later ones
   * wait, and when that is used up the consumer fails visibly without committing.
   */
  handle(message: IncomingMessage): Promise<Reason | undefined>;
  /**
   * The offset from which a restart must read again (first message whose effect is not yet durable), or undefined: nothing handled yet. A
   * message that was refused has no effect, so it holds nothing back, and lets nothing pass that is open.
   */
  resumeOffset(): string | undefined;
  /** The partition is being taken away. */
  revoked?(): void;
}

export interface ConsumerOptions {
  group: string;
  topic: string;
  /** Where messages go that are refused, with headers `error-code`, `error-message`, `source-topic`, `source-partition`, `source-offset`. */
  deadLetterTopic: string;
  /** Partitions are handled side by side; within one, messages come one at a time. */
  handlerFor(partition: number): PartitionHandler;
  /** How long one message is tried again after errors before the consumer gives up; 2 minutes. */
  retryForMs?: number;
}

export interface Consumer {
  /** Resolves after a clean `close`; rejects when the consumer cannot go on, so that the process can end visibly. */
  readonly finished: Promise<void>;
  close(): Promise<void>;
}

export interface TopicSpec {
  name: string;
  partitions: number;
  config?: Record<string, string>;
}

export interface Messaging {
  /** Creates what is missing, leaves what is there. */
  ensureTopics(topics: TopicSpec[]): Promise<void>;
  /** Removes those that are there, with what is in them. */
  deleteTopics(topics: string[]): Promise<void>;
  /** Resolves when a broker answers; throws `messaging.unavailable` within seconds when none does. */
  ping(): Promise<void>;
  producer(): Promise<Producer>;
  consume(options: ConsumerOptions): Promise<Consumer>;
}

export interface MessagingOptions {
  brokers: string[];
  clientId: string;
}
