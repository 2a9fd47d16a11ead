import { setTimeout as wait } from 'node:timers/promises';
import { reasonOf } from '@songhua/domain';
import { messagingError } from '../errors.js';
import type { Consumer, ConsumerOptions, MessagingOptions, Producer } from '../types.js';
import { sendToDeadLetters } from './deadletter.js';
import { createKafkaProducer } from './producer.js';
import { openSession, type Session } from './session.js';

// A broker that restarts is back well within this; longer and the process should end visibly.
const OUTAGE_MS = 120_000;
const REOPEN_MS = 1_000;

/**
 * A consumer that outlives short outages of the broker by joining the group anew, with fresh handlers each time. The first joining
 * must succeed: it throws `messaging.…` otherwise.
 */
export async function createKafkaConsumer(messaging: MessagingOptions, options: ConsumerOptions): Promise<Consumer> {
  const closing = new AbortController();
  let deadLetters: Promise<Producer> | undefined;
  let lastAlive = Date.now();

  const deadLetterProducer = (): Promise<Producer> => {
    deadLetters ??= createKafkaProducer(messaging).catch((error: unknown) => {
      deadLetters = undefined;
      throw error;
    });
    return deadLetters;
  };
  const open = (): Promise<Session> =>
    openSession({
      messaging,
      consumer: options,
      bury: async (message, reason) =>
        sendToDeadLetters(await deadLetterProducer(), options.deadLetterTopic, message, reason),
      alive: () => {
        lastAlive = Date.now();
      },
    });
  /** A new session, or undefined when it is time to close. Throws when the outage lasts too long. */
  const reopen = async (cause: unknown): Promise<Session | undefined> => {
    for (let last = cause; !closing.signal.aborted; ) {
      if (isFinal(last)) throw last;
      if (Date.now() - lastAlive > OUTAGE_MS) throw gone(options, last);
      await wait(REOPEN_MS, undefined, { signal: closing.signal }).catch(() => undefined);
      if (closing.signal.aborted) break;
      try {
        return await open();
      } catch (error) {
        last = error;
      }
    }
    return undefined;
  };

  let session: Session | undefined = await open();
  const supervise = async (): Promise<void> => {
    try {
      while (session) {
        if (closing.signal.aborted) await session.halt();
        const end = await session.ended;
        await session.halt();
        if (end.cause === 'closed') return;
        if (end.cause === 'handler') throw end.error;
        session = await reopen(end.error);
      }
    } finally {
      await (await deadLetters)?.close();
    }
  };
  const finished = supervise();

  return {
    finished,
    async close() {
      closing.abort();
      await session?.halt();
      await finished.catch(() => undefined);
    },
  };
}

const isFinal = (error: unknown): boolean =>
  ['messaging.denied', 'messaging.topic-missing'].includes(reasonOf(error).code);

function gone({ topic, group }: ConsumerOptions, cause: unknown) {
  return messagingError(
    'messaging.unavailable',
    `consuming ${topic} as ${group}: the broker has been away for ${OUTAGE_MS / 1000} s (${reasonOf(cause).message}); see that it runs and restart`,
    cause,
  );
}
