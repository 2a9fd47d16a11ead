import { randomUUID } from 'node:crypto';
import { assertReplayable, type ReplaySource } from '@songhua/catalog';
import { keys, type ReplayForecast, type ReplayReference } from '@songhua/contracts';
import { syncId as idOf, reasonOf } from '@songhua/domain';
import { newTraceparent } from '@songhua/runtime';
import { z } from 'zod';
import { owned } from '../access/owners.js';
import type { Routes } from '../http/app.js';
import { syncId } from '../http/schemas.js';

const codes = z.array(z.string().min(1).max(100)).min(1).max(100);
const asked = z.strictObject({
  codes: codes.optional().describe('只重放这些原因 · only rows that were rejected for these'),
  dryRun: z.boolean().default(false).describe('只预测 · tell what it would do, and change nothing'),
});
const counted = z.array(z.object({ code: z.string(), field: z.string().optional(), count: z.int() }));
const forecast = z.object({
  dataset: z.string(),
  asked: z.int(),
  passing: z.int(),
  failing: counted,
  unreadable: counted,
  changes: z.object({ added: z.int(), changed: z.int(), removed: z.int() }),
});
const opened = z.object({ sync: z.string(), of: z.string(), dataset: z.string() });

/** Rejected rows read again by the rules of today. */
export const replayRoutes: Routes = (app, { catalog, lanes }) => {
  app.post(
    '/api/v1/quarantine/:sync(^[^:/]*)::replay',
    {
      config: { access: 'quarantine.replay', department: owned.quarantine('sync') },
      schema: {
        tags: ['operate'],
        summary:
          'Read the rejected rows of a sync again by the rules that its dataset has now, and publish those that pass. With `dryRun`, tell how many would',
        params: z.object({ sync: syncId }),
        body: asked.nullish(),
        response: { 200: forecast, 202: opened },
      },
    },
    async ({ params, body, principal }, reply) => {
      const of = params.sync;
      const replay = { sync: of, ...(body?.codes && { codes: body.codes }) };
      const traceparent = newTraceparent();
      if (body?.dryRun) {
        const source = assertReplayable(of, await catalog.replays.source(of));
        const reference = referenceOf(source, { sync: of, number: source.number, traceparent, replay });
        const found: ReplayForecast = await lanes.forecast(reference, randomUUID());
        return reply.status(200).send({ dataset: source.dataset, ...found });
      }
      const slot = `replay:${randomUUID()}`;
      const id = idOf(of, slot);
      const source = assertReplayable(
        of,
        await catalog.replays.open({ id, of, slot, codes: body?.codes, by: principal.id, traceparent }),
      );
      const reference = referenceOf(source, { sync: id, number: source.number, traceparent, replay });
      try {
        await lanes.dispatch(reference);
      } catch (error) {
        // Nobody will take it up: it must not stand in the way of the next try.
        const outcome = { dataset: source.dataset, sync: id, state: 'failed', reason: reasonOf(error) } as const;
        await catalog.refreshes.finish(reference, outcome, {});
        throw error;
      }
      return reply.status(202).send({ sync: id, of, dataset: source.dataset });
    },
  );
};

const referenceOf = (
  source: ReplaySource,
  own: Pick<ReplayReference, 'sync' | 'number' | 'traceparent' | 'replay'>,
): ReplayReference => ({
  ...own,
  dataset: source.dataset,
  datasetId: source.datasetId,
  connector: source.connector,
  attempt: 1,
  rows: source.rows,
  bytes: source.bytes,
  manifest: keys.landingManifest(source.datasetId, own.replay.sync, source.attempt),
});
