import { createHash } from 'node:crypto';
import {
  type Envelope,
  keys,
  type LandedSync,
  type LandingManifest,
  type LandingPart,
  type SyncCompleted,
} from '@songhua/contracts';
import { datasetId } from '@songhua/domain';
import { type IncomingMessage, type PartitionHandler, parseEnvelope } from '@songhua/messaging';
import type { ObjectStore } from '@songhua/object-store';
import { type Logger, traceIdOf } from '@songhua/runtime';
import { Assembly, type OpenPart } from './assembly.js';

export interface LandingDeps {
  store: ObjectStore;
  /** Resolves when the lane workflow has the reference. */
  dispatch(sync: LandedSync): Promise<void>;
  logger: Logger;
  landed(sync: LandedSync): void;
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
  const reference: LandedSync = {
    dataset,
    datasetId: id,
    connector,
    sync,
    attempt,
    number: completed.number,
    rows: completed.rows,
    bytes: completed.bytes,
    traceparent,
  };
  if (problem) {
    reference.problem = problem;
  } else {
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
    reference.manifest = keys.landingManifest(id, sync, attempt);
    await deps.store.put(reference.manifest, Buffer.from(JSON.stringify(manifest)), 'application/json');
  }
  await deps.dispatch(reference);
  deps.landed(reference);
  deps.logger.debug({ dataset, sync, trace: traceIdOf(traceparent), rows: completed.rows, problem }, 'sync landed');
}

const pad = (sequence: number): string => String(sequence).padStart(6, '0');
