import { setTimeout as delay } from 'node:timers/promises';
import { SonghuaError } from '@songhua/domain';
import { Connection, isGrpcServiceError, type WorkflowService } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';

const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
// A server looks for new namespaces every few seconds.
const KNOWN_WITHIN_MS = 30_000;
const LOOK_AGAIN_MS = 200;

export interface NamespaceOptions {
  address: string;
  namespace: string;
  /** How long a new namespace keeps the histories of closed workflows. */
  retentionMs: number;
}

/**
 * Makes the namespace when it is not there, and resolves when workflows can be started in it; one that is there stays as it is. Throws
 * `workflow.unavailable`.
 */
export async function ensureNamespace({ address, namespace, retentionMs }: NamespaceOptions): Promise<void> {
  await administer(address, async ({ workflowService }) => {
    if (!(await describes(workflowService, namespace))) {
      const workflowExecutionRetentionPeriod = msToTs(retentionMs);
      await workflowService
        .registerNamespace({ namespace, workflowExecutionRetentionPeriod })
        .then(() => undefined, unless(ALREADY_EXISTS, undefined));
    }
    const until = Date.now() + KNOWN_WITHIN_MS;
    const known = () =>
      workflowService.listWorkflowExecutions({ namespace, pageSize: 1 }).then(() => true, unless(NOT_FOUND, false));
    while (!(await known()) && Date.now() < until) await delay(LOOK_AGAIN_MS);
  });
}

/** Removes the namespace with everything in it, when it is there. */
export async function deleteNamespace({ address, namespace }: Omit<NamespaceOptions, 'retentionMs'>): Promise<void> {
  await administer(address, async ({ workflowService, operatorService }) => {
    if (await describes(workflowService, namespace)) await operatorService.deleteNamespace({ namespace });
  });
}

const describes = (service: WorkflowService, namespace: string): Promise<boolean> =>
  service.describeNamespace({ namespace }).then(() => true, unless(NOT_FOUND, false));

const unless =
  <T>(code: number, instead: T) =>
  (error: unknown): T => {
    if (isGrpcServiceError(error) && Number(error.code) === code) return instead;
    throw error;
  };

async function administer(address: string, work: (connection: Connection) => Promise<void>): Promise<void> {
  const connection = Connection.lazy({ address });
  try {
    await work(connection);
  } catch (cause) {
    throw new SonghuaError(
      'workflow.unavailable',
      `Temporal at ${address} does not answer as it should (${(cause as Error).message}); check that it runs (songhua status)`,
      { retryable: true, actor: 'operator', cause },
    );
  } finally {
    await connection.close();
  }
}
