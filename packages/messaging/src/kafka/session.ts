import { setTimeout as wait } from 'node:timers/promises';
import type { Reason } from '@songhua/domain';
import type { EachBatchPayload, KafkaMessage } from 'kafkajs';
import { kafkaError } from '../errors.js';
import type { ConsumerOptions, IncomingMessage, MessagingOptions } from '../types.js';
import { type Assignment, createAssignment } from './assignment.js';
import { connectKafka, RETRY } from './client.js';
import { createCommitter } from './committer.js';
import { assertTopics } from './topics.js';

const HEARTBEAT_MS = 1_000;
// A killed member's partitions wait this long for another; also the longest pause of this process before it is fenced.
const SESSION_MS = 10_000;
// How long the others wait for a member that finishes the message at hand.
const REBALANCE_MS = 30_000;
// A fetch answers as soon as there is one byte; this only bounds how long an empty one, and so a close, takes.
const MAX_WAIT_MS = 250;
const FETCH_BYTES = 3 * 1024 * 1024; // held up to three times while kafkajs assembles a response
const FETCH_PARTITION_BYTES = 1024 * 1024;
const PARTITIONS_AT_ONCE = 8;
const RETRY_FOR_MS = 120_000;
const GOODBYE_MS = 3_000;

/** Why a session is over. A broker failure may be followed by a new session; a handler failure may not. */
export interface SessionEnd {
  cause: 'closed' | 'broker' | 'handler';
  error?: unknown;
}

export interface Session {
  readonly ended: Promise<SessionEnd>;
  /** Finishes the messages at hand, commits, revokes the handlers and leaves the group. Repeatable. */
  halt(): Promise<void>;
}

export interface SessionOptions {
  messaging: MessagingOptions;
  consumer: ConsumerOptions;
  bury(message: IncomingMessage, reason: Reason): Promise<void>;
  /** The group's coordinator has just confirmed this member. */
  alive(): void;
}

/** One membership of the group through one kafkajs consumer, from connecting to leaving or failing. */
export async function openSession({ messaging, consumer: options, bury, alive }: SessionOptions): Promise<Session> {
  const { group, topic, retryForMs = RETRY_FOR_MS } = options;
  const assignments = new Map<number, Assignment>();
  const active = new Set<Promise<void>>();
  const { promise: ended, resolve } = deferred<SessionEnd>();
  let interruption: { error: unknown } | undefined;
  let stop = new AbortController();
  let halting: Promise<void> | undefined;
  let over = false;

  const end = (reason: SessionEnd): void => {
    over = true;
    stop.abort();
    resolve(reason);
  };
  const committer = createCommitter(topic, assignments, (error) => end({ cause: 'handler', error }));
  const interrupt = (error: unknown): void => {
    interruption ??= { error };
    stop.abort();
  };
  const throwInterruption = (): void => {
    if (interruption) throw interruption.error;
  };
  const revokeAll = (): void => {
    try {
      for (const assignment of assignments.values()) assignment.revoke();
    } catch (error) {
      end({ cause: 'handler', error });
    }
    assignments.clear();
  };
  const proceed = (): void => {
    if (over) return;
    interruption = undefined;
    stop = new AbortController();
  };
  const assignmentOf = (partition: number): Assignment => {
    let assignment = assignments.get(partition);
    if (!assignment) {
      assignment = createAssignment({ partition, handler: options.handlerFor(partition), bury, retryForMs });
      assignments.set(partition, assignment);
    }
    return assignment;
  };

  const deliverAll = async ({ batch, heartbeat, resolveOffset, isRunning }: EachBatchPayload): Promise<void> => {
    // kafkajs starts batches anew only when all of the failed round are done.
    if (interruption && active.size === 0) proceed();
    await heartbeat().catch(interrupt);
    throwInterruption();
    const assignment = assignmentOf(batch.partition);
    const beat = setInterval(() => void heartbeat().catch(interrupt), HEARTBEAT_MS);
    try {
      for (const message of batch.messages) {
        if (over || assignment.revoked || !isRunning()) return;
        const done = await assignment.deliver(incoming(topic, batch.partition, message), stop.signal);
        // Resolving for a revoked assignment would move the position of the partition's next handler.
        if (done && !assignment.revoked) resolveOffset(message.offset);
        throwInterruption();
      }
    } finally {
      clearInterval(beat);
    }
  };

  const eachBatch = async (payload: EachBatchPayload): Promise<void> => {
    if (over) return;
    committer.use(payload.commitOffsetsIfNecessary);
    const work = deliverAll(payload);
    active.add(work);
    try {
      await work;
    } catch (error) {
      // Only what kafkajs itself threw may go back into it: it would retry anything else.
      if (interruption && error === interruption.error) throw error;
      end({ cause: 'handler', error });
    } finally {
      active.delete(work);
    }
  };

  const client = connectKafka(messaging).consumer({
    groupId: group,
    sessionTimeout: SESSION_MS,
    rebalanceTimeout: REBALANCE_MS,
    heartbeatInterval: HEARTBEAT_MS,
    minBytes: 1,
    maxBytes: FETCH_BYTES,
    maxBytesPerPartition: FETCH_PARTITION_BYTES,
    maxWaitTimeInMs: MAX_WAIT_MS,
    allowAutoTopicCreation: false,
    retry: { ...RETRY, restartOnFailure: () => Promise.resolve(false) },
  });
  // Emitted before the group is joined again and while no batch is at work; the request goes out ahead of the join.
  client.on(client.events.REBALANCING, () => void committer.commit());
  client.on(client.events.GROUP_JOIN, () => {
    alive();
    revokeAll();
    proceed();
  });
  client.on(client.events.HEARTBEAT, alive);
  client.on(client.events.CRASH, ({ payload }) =>
    end({ cause: 'broker', error: kafkaError(payload.error, `consuming ${topic} as ${group}`) }),
  );

  const leave = async (): Promise<void> => {
    end({ cause: 'closed' });
    committer.stop();
    try {
      client.pause([{ topic }]);
    } catch {
      // It never joined, or has crashed: there is nothing to pause.
    }
    await Promise.allSettled(active);
    // Without its broker it can neither commit nor leave; the messages come again and the membership expires.
    await within(GOODBYE_MS, committer.commit());
    revokeAll();
    await within(GOODBYE_MS, client.disconnect());
  };
  const session: Session = {
    ended,
    halt: () => {
      halting ??= leave();
      return halting;
    },
  };

  try {
    await assertTopics(messaging, [topic, options.deadLetterTopic]);
    await client.connect();
    await client.subscribe({ topic, fromBeginning: true });
    await client.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
      eachBatch,
    });
  } catch (error) {
    await session.halt();
    throw kafkaError(error, `consuming ${topic} as ${group}`);
  }
  return session;
}

function incoming(topic: string, partition: number, { key, value, headers, offset }: KafkaMessage): IncomingMessage {
  const text: Record<string, string> = {};
  for (const [name, found] of Object.entries(headers ?? {})) {
    const single = Array.isArray(found) ? found.at(-1) : found;
    if (single !== undefined) text[name] = single.toString();
  }
  return { topic, partition, offset, key: key?.toString() ?? '', value: value ?? Buffer.alloc(0), headers: text };
}

/** Waits for `work`, well or ill, but no longer than `ms`. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  await Promise.race([work.catch(() => undefined), wait(ms, undefined, { ref: false })]);
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
