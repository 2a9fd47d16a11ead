import { setTimeout as wait } from 'node:timers/promises';
import { type Reason, reasonOf } from '@songhua/domain';
import { messagingError } from '../errors.js';
import type { IncomingMessage, PartitionHandler } from '../types.js';

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;

/** One partition from its assignment to the next rebalance: its handler, and what of it may be committed. */
export interface Assignment {
  readonly partition: number;
  readonly revoked: boolean;
  /**
   * True when the message is dealt with: handled, or in the dead-letter topic. False when `signal` stopped it first. Throws
   * `messaging.retries-exhausted`, or what the dead-letter topic refused it with.
   */
  deliver(message: IncomingMessage, signal: AbortSignal): Promise<boolean>;
  /** The offset to commit, when it is beyond what `committed` has recorded. */
  uncommitted(): string | undefined;
  committed(offset: string): void;
  revoke(): void;
}

export interface AssignmentOptions {
  partition: number;
  handler: PartitionHandler;
  bury(message: IncomingMessage, reason: Reason): Promise<void>;
  retryForMs: number;
}

export function createAssignment({ partition, handler, bury, retryForMs }: AssignmentOptions): Assignment {
  // The message that is being dealt with: what the handler says of it holds only once it is done.
  let atHand: bigint | undefined;
  let done = -1n;
  let revoked = false;

  return {
    partition,
    get revoked() {
      return revoked;
    },
    async deliver(message, signal) {
      atHand = BigInt(message.offset);
      if (!(await attempt(message, { handler, bury, retryForMs, signal }))) return false;
      atHand = undefined;
      return true;
    },
    uncommitted() {
      const resume = handler.resumeOffset();
      if (resume === undefined) return undefined;
      const offset = atHand !== undefined && atHand < BigInt(resume) ? atHand : BigInt(resume);
      return offset <= done ? undefined : offset.toString();
    },
    committed(offset) {
      done = BigInt(offset);
    },
    revoke() {
      revoked = true;
      handler.revoked?.();
    },
  };
}

async function attempt(
  message: IncomingMessage,
  { handler, bury, retryForMs, signal }: Omit<AssignmentOptions, 'partition'> & { signal: AbortSignal },
): Promise<boolean> {
  const deadline = Date.now() + retryForMs;
  let refusal: Reason | undefined;
  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(delay * 2, MAX_DELAY_MS)) {
    if (signal.aborted) return false;
    try {
      refusal ??= await handler.handle(message);
      if (refusal) await bury(message, refusal);
      return true;
    } catch (error) {
      const reason = reasonOf(error);
      if (refusal && !reason.retryable) throw error;
      if (Date.now() + delay > deadline) throw exhausted(message, reason, retryForMs, error);
    }
    await wait(delay, undefined, { signal }).catch(() => undefined);
  }
}

const exhausted = ({ topic, partition, offset }: IncomingMessage, reason: Reason, ms: number, cause: unknown) =>
  messagingError(
    'messaging.retries-exhausted',
    `message ${topic}/${partition}/${offset}: tried for ${Math.round(ms / 1000)} s, last failure ${reason.code}: ${reason.message}; it is not committed and comes again after a restart`,
    cause,
  );
