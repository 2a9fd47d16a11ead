import { createHash } from 'node:crypto';
import type { ConnectorCatalog } from '@songhua/catalog/connector';
import { type Pushed, sourceError } from '@songhua/connector-sdk';
import { type PushAccepted, pushSchema } from '@songhua/contracts';
import { codeOf, runProblem, SonghuaError } from '@songhua/domain';
import type { ObjectStore } from '@songhua/object-store';
import { newTraceparent } from '@songhua/runtime';
import type { FastifyInstance } from 'fastify';
import { parse } from './parse.js';
import { type Job, LEASE_LOST } from './run-sync.js';

// One request of one connector; of a length that does not depend on the key.
const REQUEST_CHARS = 32;

const requestOf = (connector: string, key: string): string =>
  `push-${createHash('sha256').update(`${connector} ${key}`).digest('hex').slice(0, REQUEST_CHARS)}`;

/** Content that was sent becomes a sync; the same key is the same sync. */
export function ingestRoutes(
  app: FastifyInstance,
  deps: { catalog: Pick<ConnectorCatalog, 'connectors' | 'ingests'>; wake(): void },
): void {
  app.post('/ingest', async (httpRequest, reply) => {
    const push = parse(pushSchema, httpRequest.body);
    const connector = await deps.catalog.connectors.get(push.connector);
    if (!connector)
      throw new SonghuaError('connector.unknown', `no connector is named ${push.connector}; apply it first`, {
        actor: 'department',
      });
    if (connector.kind !== 'push')
      throw new SonghuaError(
        'ingest.not-push',
        `connector ${push.connector} is of kind ${connector.kind}, which reads its source itself; send to one of kind push`,
        { actor: 'department' },
      );
    const problem = runProblem(connector.state, 'request');
    const request = requestOf(push.connector, push.key);
    const { id: by } = httpRequest.principal;
    const slot = { connector, slot: `request:${request}`, full: false, by, traceparent: newTraceparent() };
    const accepted = problem === undefined ? await deps.catalog.ingests.accept(slot, { ...push, by }) : undefined;
    // A request that is repeated has its answer, also when the connector takes nothing new any more.
    const content = accepted
      ? { sync: accepted.sync.id, ...accepted.content }
      : await deps.catalog.ingests.taken(connector.name, slot.slot);
    if (!content)
      throw new SonghuaError(
        'connector.not-running',
        `${push.connector} takes nothing: ${problem ?? 'it does not run any more'}`,
        { actor: 'department' },
      );
    if (content.sha256 !== push.sha256)
      throw new SonghuaError(
        'ingest.key-reused',
        `the key came before with other content (sync ${content.sync}); give new content a new Idempotency-Key`,
        { actor: 'department' },
      );
    deps.wake();
    const answer: PushAccepted = { sync: content.sync, request, objectKey: content.objectKey };
    return reply.status(202).send(answer);
  });
}

/** What was sent to the connector of a sync and is not published yet. */
export const pushedTo =
  (catalog: Pick<ConnectorCatalog, 'ingests'>, store: Pick<ObjectStore, 'download'>) =>
  ({ sync }: Pick<Job, 'sync'>): Pushed => ({
    async after(number) {
      const items = await catalog.ingests.pending(sync.id, number);
      return items.map(({ objectKey, ...item }) => ({
        ...item,
        async fetch(path) {
          const { sha256 } = await store.download(objectKey, path).catch((error: unknown) => {
            if (codeOf(error) !== 'object.missing') throw error;
            throw sourceError('source.missing', `${item.name} is not kept any more; send it again under a new key`, {
              cause: error,
            });
          });
          if (sha256 !== item.sha256)
            throw sourceError('source.truncated', `${item.name} did not come whole from the store; it is tried again`);
        },
      }));
    },
    async reading(items) {
      const numbers = items.map(({ number }) => number);
      if (await catalog.ingests.reading(sync, numbers)) return;
      throw new SonghuaError(
        LEASE_LOST,
        `sync ${sync.id} has nothing to read here: another has its turn, or goes on with what waits`,
      );
    },
  });
