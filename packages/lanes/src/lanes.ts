import {
  FORECAST_WORKFLOW,
  type LaneReference,
  type Names,
  type ReplayForecast,
  type ReplayReference,
} from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { Client, Connection } from '@temporalio/client';
import { createLaneDispatcher } from './dispatcher.js';

/** The refresh workflows, as those who start them see them. */
export interface Lanes {
  /** Resolves when the lane of the dataset has taken the sync. Throws `workflow.unavailable` (retryable). */
  dispatch(reference: LaneReference): Promise<void>;
  /** What a replay would do, without doing it. Throws `workflow.unavailable` and `replay.failed`. */
  forecast(replay: ReplayReference, id: string): Promise<ReplayForecast>;
  /** Resolves when Temporal answers and has the namespace. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

// A person waits for the answer; a replay of more takes its time as a replay, without a forecast.
const FORECAST_TIMEOUT = '2 minutes';

/** Connects to Temporal on first use, so that a service starts before it does. The namespace is the deployment's own when absent. */
export function connectLanes(options: {
  address: string;
  namespace?: string | undefined;
  lanes: number;
  names: Names;
}): Lanes {
  const connection = Connection.lazy({ address: options.address });
  const { names, namespace = names.namespace } = options;
  const client = new Client({ connection, namespace });
  const dispatch = createLaneDispatcher(client, options);
  return {
    dispatch,
    async forecast(replay, id) {
      try {
        return (await client.workflow.execute(FORECAST_WORKFLOW, {
          workflowId: names.forecastWorkflowId(id),
          taskQueue: names.taskQueue,
          workflowExecutionTimeout: FORECAST_TIMEOUT,
          args: [replay],
        })) as ReplayForecast;
      } catch (cause) {
        if ((cause as { name?: unknown }).name === 'WorkflowFailedError') throw failed(cause);
        throw new SonghuaError(
          'workflow.unavailable',
          'Temporal does not answer; check that it runs (songhua status), and try again',
          { retryable: true, actor: 'operator', cause },
        );
      }
    },
    async ping() {
      await connection.workflowService.describeNamespace({ namespace });
    },
    close: () => connection.close(),
  };
}

/** The reason that the activity gave, through the layers that Temporal puts around it. */
function failed(error: unknown): SonghuaError {
  let deepest = error as { message?: string; cause?: unknown; type?: unknown };
  while (deepest.cause) deepest = deepest.cause as typeof deepest;
  return new SonghuaError(
    typeof deepest.type === 'string' && /^[a-z-]+\.[a-z-]+$/.test(deepest.type) ? deepest.type : 'replay.failed',
    deepest.message ?? 'the forecast did not end; try again',
    { actor: 'department', cause: error },
  );
}
