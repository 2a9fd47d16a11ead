import { createHash } from 'node:crypto';
import type { LandedFacts, SyncRepository } from '@songhua/catalog';
import {
  claimOf,
  type Envelope,
  keys,
  type LandingManifest,
  type LandingPart,
  type LaneReference,
  type SyncCompleted,
} from '@songhua/contracts';
import { codeOf, datasetId, reasonOf } from '@songhua/domain';
import { type IncomingMessage, type PartitionHandler, parseEnvelope } from '@songhua/messaging';
import type { ObjectStore } from '@songhua/object-store';
import { type Logger, traceIdOf } from '@songhua/runtime';
import { Assembly, type OpenPart } from './assembly.js';

export interface LandingDeps {
  store: ObjectStore;
  syncs: Pick<SyncRepository, 'land'>;
  /** Resolves when the lane workflow has the reference. */
  dispatch(reference: LaneReference): Promise<void>;
  logger: Logger;
  /** `result`: `whole`, or the code of what kept it from landing. */
  landed(result: string, rows: number): void;
}

// A sync that fell silent this long ago has lost its connector; its retry comes as a higher attempt.
const SILENT_MS = 15 * 60_000;
// Ends that are remembered to drop what is delivered again after them: a few times the syncs that can be open at once.
const REMEMBERED = 1_000;

/**
 * Lands the syncs of one partition. The offset to resume from stays at the first message of the oldest sync that is not yet
 * dispatched, so a crash repeats whole syncs into the same keys and never skips one (I5).
 */
export function landPartition(deps: LandingDeps, now: () => number = Date.now): PartitionHandler {
  const open = new Map<string, Assembly>();
  const ended = new Set<string>();
  let handled: bigint | undefined;

  const dropOlderThan = (envelope: Envelope, offset: bigint): void => {
    for (const [sync, other] of open) {
      const sameConnector =
        other.envelope.connector === envelope.connector && sync !== envelope.sync && other.firstOffset < offset;
      if (sameConnector || now() - other.touchedAt > SILENT_MS) open.delete(sync);
    }
  };

  const remember = (attempt: string): void => {
    ended.add(attempt);
    const [oldest] = ended;
    if (ended.size > REMEMBERED && oldest !== undefined) ended.delete(oldest);
  };

  return {
    async handle(message: IncomingMessage) {
      const envelope = parseEnvelope(message);
      const offset = BigInt(message.offset);
      const attempt = `${envelope.sync}/${envelope.attempt}`;
      let assembly = open.get(envelope.sync);
      if (ended.has(attempt) || (assembly && assembly.envelope.attempt > envelope.attempt)) {
        handled = offset;
        return;
      }
      if (!assembly || assembly.envelope.attempt < envelope.attempt) {
        assembly = new Assembly(envelope, offset, now());
        open.set(envelope.sync, assembly);
      }
      try {
        assembly.add(envelope, message.value, now());
      } finally {
        handled = offset;
      }
      for (const part of assembly.ready()) assembly.stored(part, await storePart(deps.store, envelope, part));
      const completed = assembly.ended();
      if (!completed) return;
      await dispatch(deps, assembly, completed);
      open.delete(envelope.sync);
      remember(attempt);
      dropOlderThan(envelope, assembly.firstOffset);
    },

    resumeOffset() {
      if (handled === undefined) return undefined;
      let resume = handled + 1n;
      for (const assembly of open.values()) if (assembly.firstOffset < resume) resume = assembly.firstOffset;
      return resume.toString();
    },

    revoked() {
      open.clear();
    },
  };
}

async function storePart(store: ObjectStore, envelope: Envelope, part: OpenPart): Promise<LandingPart> {
  const { kind, firstSequence, lastSequence, rows } = part;
  const name = `${kind}-${pad(firstSequence)}-${pad(lastSequence)}.${kind === 'rows' ? 'csv' : 'ndjson'}.gz`;
  const key = keys.landingPart(datasetId(envelope.dataset), envelope.sync, envelope.attempt, name);
  const body = Buffer.concat(part.chunks);
  await store.put(key, body, 'application/gzip');
  return {
    key,
    kind,
    firstSequence,
    lastSequence,
    rows,
    bytes: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
  };
}

async function dispatch(deps: LandingDeps, assembly: Assembly, completed: SyncCompleted): Promise<void> {
  const { dataset, connector, sync, attempt, traceparent } = assembly.envelope;
  const id = datasetId(dataset);
  const problem = assembly.problem();
  const manifestKey = keys.landingManifest(id, sync, attempt);
  if (!problem) {
    const manifest: LandingManifest = {
      schema: 'songhua.landing/1',
      dataset,
      datasetId: id,
      connector,
      sync,
      attempt,
      traceparent,
      parts: assembly.parts,
      completed,
    };
    await deps.store.put(manifestKey, Buffer.from(JSON.stringify(manifest)), 'application/json');
  }
  const { rows, rejected, bytes, sha256: content } = completed;
  const claim = claimOf(attempt);
  const log = deps.logger.child({ dataset, connector, sync, attempt, trace: traceIdOf(traceparent) });
  await tell(
    deps,
    log,
    { sync, datasetId: id, attempt, bytes },
    problem ? { attempt, claim, problem } : { attempt, claim, manifest: manifestKey, rows, rejected, bytes, content },
  );
}

/** Records what became of an attempt, and tells the lane of what is to be refreshed. */
async function tell(deps: LandingDeps, log: Logger, reference: LaneReference, facts: LandedFacts): Promise<void> {
  try {
    const { state, dispatch } = await deps.syncs.land(reference.sync, facts);
    if (dispatch) await deps.dispatch(reference);
    if ('problem' in facts) {
      log.warn({ reason: facts.problem, state }, 'sync did not land');
      deps.landed(facts.problem.code, 0);
    } else {
      log.info({ rows: facts.rows, bytes: facts.bytes, state }, 'sync landed');
      deps.landed('whole', facts.rows);
    }
  } catch (error) {
    // A catalog that was restored, or whose dataset was deleted, has nobody who waits for it; others of the partition do.
    if (codeOf(error) !== 'sync.unknown') throw error;
    log.error({ reason: reasonOf(error) }, 'a sync landed that the catalog does not know');
    deps.landed('sync.unknown', 0);
  }
}

const pad = (sequence: number): string => String(sequence).padStart(6, '0');
