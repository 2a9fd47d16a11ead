import {
  type LaneReference,
  laneOf,
  MOST_REFERENCES,
  type Names,
  REFRESH_LANE_WORKFLOW,
  REFRESH_SIGNAL,
  type RefreshLaneInput,
} from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import type { Client } from '@temporalio/client';

interface Waiting {
  reference: LaneReference;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Hands landed syncs to their lane workflows, starting a lane that is not running. While one signal to a lane is on its way,
 * later syncs of that lane collect for the next one, so a burst costs few signals and a single sync waits for nothing.
 */
export function createLaneDispatcher(
  client: Client,
  { lanes, names }: { lanes: number; names: Names },
): (reference: LaneReference) => Promise<void> {
  const queues = new Map<number, { waiting: Waiting[]; sending: boolean }>();

  const drain = async (lane: number, queue: { waiting: Waiting[]; sending: boolean }): Promise<void> => {
    queue.sending = true;
    while (queue.waiting.length > 0) {
      const group = queue.waiting.splice(0, MOST_REFERENCES);
      try {
        await client.workflow.signalWithStart(REFRESH_LANE_WORKFLOW, {
          workflowId: names.laneWorkflowId(lane, lanes),
          taskQueue: names.taskQueue,
          args: [{ lane, pending: [] } satisfies RefreshLaneInput],
          signal: REFRESH_SIGNAL,
          signalArgs: [group.map((w) => w.reference)],
        });
        for (const w of group) w.resolve();
      } catch (cause) {
        const error = new SonghuaError(
          'workflow.unavailable',
          'Temporal did not take the signal; check that it runs (songhua status)',
          { retryable: true, actor: 'operator', cause },
        );
        for (const w of group) w.reject(error);
      }
    }
    queue.sending = false;
  };

  return (reference) =>
    new Promise((resolve, reject) => {
      const lane = laneOf(reference.datasetId, lanes);
      let queue = queues.get(lane);
      if (!queue) {
        queue = { waiting: [], sending: false };
        queues.set(lane, queue);
      }
      queue.waiting.push({ reference, resolve, reject });
      if (!queue.sending) void drain(lane, queue);
    });
}
