import { randomUUID } from 'node:crypto';
import {
  type LaneReference,
  namesOf,
  REFRESH_LANE_WORKFLOW,
  REFRESH_SIGNAL,
  type RefreshActivities,
} from '@songhua/contracts';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundle,
} from '@temporalio/worker';

/** The same resolution as Jest's: sources, never a stale build. */
const SOURCE_CONDITIONS = ['@songhua/source', '...'];

let quiet = false;
/** Once per process, as the SDK wants it. */
export function quietRuntime(): void {
  if (!quiet) Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  quiet = true;
}

export function bundle(workflowsPath: string): Promise<WorkflowBundle> {
  return bundleWorkflowCode({
    workflowsPath,
    logger: new DefaultLogger('ERROR'),
    webpackConfigHook: (config) => ({
      ...config,
      resolve: { ...config.resolve, conditionNames: SOURCE_CONDITIONS, extensionAlias: { '.js': ['.ts', '.js'] } },
    }),
  });
}

export const landed = (dataset: string, number: number, bytes = 1_000): LaneReference => ({
  datasetId: `ds_${dataset}`,
  sync: `sy_${dataset}_${number}`,
  attempt: 1,
  bytes,
});

export interface Lane {
  signal(syncs: LaneReference[]): Promise<void>;
  /** Resolves when the lane has nothing left to do. */
  ended(): Promise<void>;
  /** Of each run that it went on in, from the first. */
  histories(): Promise<unknown[]>;
}

/** Runs one lane on a real Temporal server with the given activities, as landing starts it. */
export async function withLane<T>(
  options: { address: string; code: WorkflowBundle; activities: RefreshActivities; historyLimit?: number },
  use: (lane: Lane) => Promise<T>,
): Promise<T> {
  quietRuntime();
  const taskQueue = `lane-${randomUUID()}`;
  const connection = await NativeConnection.connect({ address: options.address });
  const client = new Client({
    connection: await Connection.connect({ address: options.address }),
    namespace: namesOf('').namespace,
    identity: 'test-client',
  });
  const worker = await Worker.create({
    connection,
    namespace: namesOf('').namespace,
    taskQueue,
    workflowBundle: options.code,
    activities: options.activities,
    identity: 'test-worker',
  });
  const workflowId = `test-${taskQueue}`;
  let first: string | undefined;
  try {
    return await worker.runUntil(
      use({
        async signal(syncs) {
          const handle = await client.workflow.signalWithStart(REFRESH_LANE_WORKFLOW, {
            workflowId,
            taskQueue,
            args: [{ lane: 0, pending: [], ...(options.historyLimit && { historyLimit: options.historyLimit }) }],
            signal: REFRESH_SIGNAL,
            signalArgs: [syncs],
          });
          first ??= handle.signaledRunId;
        },
        async ended() {
          await client.workflow.getHandle(workflowId).result();
        },
        async histories() {
          const runs: unknown[] = [];
          for (let run = first; run; ) {
            const history = await client.workflow.getHandle(workflowId, run).fetchHistory();
            runs.push(JSON.parse(historyToJSON(history)));
            run =
              history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
          }
          return runs;
        },
      }),
    );
  } finally {
    await connection.close();
    await client.connection.close();
  }
}
