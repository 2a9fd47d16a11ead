import { setTimeout as wait } from 'node:timers/promises';
import { type Reason, reasonOf } from '@songhua/domain';
import { messagingError } from '../errors.js';
import type { IncomingMessage, PartitionHandler } from '../types.js';

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
// A defect may depend on the moment, so what nobody classified gets a few tries; never more, or one message blocks its partition.
const UNEXPECTED_TRIES = 3;

/** One partition from its assignment to the next rebalance: its handler, and what of it may be committed. */
export interface Assignment {
  readonly partition: number;
  readonly revoked: boolean;
  /**
   * True when the message is dealt with: handled, or in the dead-letter topic. False when `signal` stopped it first. Throws when
   * retries are used up, or the message can go nowhere.
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
  const buried = createBuried();
  let first: bigint | undefined;
  let last: bigint | undefined;
  let done = -1n;
  let revoked = false;

  return {
    partition,
    get revoked() {
      return revoked;
    },
    async deliver(message, signal) {
      const offset = BigInt(message.offset);
      first ??= offset;
      const verdict = await attempt(message, { handler, bury, retryForMs, signal });
      if (verdict === 'stopped') return false;
      if (verdict === 'buried') buried.add(last === undefined ? offset : last + 1n, offset);
      last = offset;
      return true;
    },
    uncommitted() {
      const resume = handler.resumeOffset();
      const from = resume === undefined ? first : BigInt(resume);
      if (from === undefined) return undefined;
      const offset = buried.skip(from);
      const nothing = resume === undefined && offset === from;
      return nothing || offset <= done ? undefined : offset.toString();
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

type Verdict = 'handled' | 'buried' | 'stopped';

async function attempt(
  message: IncomingMessage,
  { handler, bury, retryForMs, signal }: Omit<AssignmentOptions, 'partition'> & { signal: AbortSignal },
): Promise<Verdict> {
  const deadline = Date.now() + retryForMs;
  let poison: Reason | undefined;
  let unexpected = 0;
  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(delay * 2, MAX_DELAY_MS)) {
    if (signal.aborted) return 'stopped';
    try {
      if (poison) await bury(message, poison);
      else await handler.handle(message);
      return poison ? 'buried' : 'handled';
    } catch (error) {
      const reason = reasonOf(error);
      const classified = (error as { name?: unknown } | null)?.name === 'SonghuaError';
      const again = reason.retryable || (!classified && ++unexpected < UNEXPECTED_TRIES);
      if (!again && poison) throw error;
      if (!again) {
        poison = reason;
        delay = 0;
        continue;
      }
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

/**
 * Offsets in the dead-letter topic: dealt with, though the handler's resume offset never passes them by itself. Kept as ranges that
 * reach back to the message before, since offsets may have gaps.
 */
function createBuried() {
  const ranges: { from: bigint; to: bigint }[] = [];
  return {
    add(from: bigint, to: bigint): void {
      const tail = ranges.at(-1);
      if (tail && tail.to + 1n >= from) tail.to = to;
      else ranges.push({ from, to });
    },
    skip(offset: bigint): bigint {
      let at = offset;
      for (const { from, to } of ranges) if (from <= at && at <= to) at = to + 1n;
      return at;
    },
  };
}
