import type { OffsetsByTopicPartition } from 'kafkajs';
import { kafkaError } from '../errors.js';
import type { Assignment } from './assignment.js';

const INTERVAL_MS = 1_000;

type Commit = (offsets: OffsetsByTopicPartition) => Promise<void>;

/** Commits what the assignments allow: every second, and when asked. */
export interface Committer {
  /** The commit call of the membership that the assignments belong to. */
  use(commit: Commit): void;
  commit(): Promise<void>;
  stop(): void;
}

// The member is being replaced: the fetch loop learns the same and joins anew, and the messages come again.
const REPLACED = new Set(['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS', 'FENCED_INSTANCE_ID']);

export function createCommitter(
  topic: string,
  assignments: Map<number, Assignment>,
  failed: (error: unknown) => void,
): Committer {
  let send: Commit | undefined;
  let last: Promise<void> = Promise.resolve();

  const once = async (): Promise<void> => {
    const due = [...assignments.values()].flatMap((assignment) => {
      const offset = assignment.uncommitted();
      return offset === undefined ? [] : [{ assignment, offset }];
    });
    if (due.length === 0 || !send) return;
    try {
      const partitions = due.map(({ assignment, offset }) => ({ partition: assignment.partition, offset }));
      await send({ topics: [{ topic, partitions }] });
      for (const { assignment, offset } of due) assignment.committed(offset);
    } catch (error) {
      const known = kafkaError(error, `committing offsets of ${topic}`);
      // A broker that is away is the fetch loop's to judge, too; this commit is due again in a second.
      if (!known.retryable && !REPLACED.has((error as { type?: string }).type ?? '')) throw known;
    }
  };
  const commit = (): Promise<void> => {
    last = last.then(once).catch(failed);
    return last;
  };
  const timer = setInterval(() => void commit(), INTERVAL_MS);

  return {
    use: (through) => {
      send = through;
    },
    commit,
    stop: () => clearInterval(timer),
  };
}
