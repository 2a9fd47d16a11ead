import { createHash } from 'node:crypto';
import type { LandedFacts, SyncRepository } from '@songhua/catalog';
import {
  claimOf,
  type Envelope,
  INLINE_PART_BYTES,
  keys,
  type LandingManifest,
  type LandingPart,
  type LaneReference,
  landingManifestSchema,
  MAX_MANIFEST_BYTES,
  type SyncCompleted,
} from '@songhua/contracts';
import { codeOf, datasetId, type Reason, reasonOf } from '@songhua/domain';
import { type IncomingMessage, type PartitionHandler, parseEnvelope } from '@songhua/messaging';
import { type ObjectStore, readJson } from '@songhua/object-store';
import { type Logger, traceIdOf } from '@songhua/runtime';
import { Assembly, corruptionOf, type OpenPart } from './assembly.js';

export interface LandingDeps {
  store: ObjectStore;
  syncs: Pick<SyncRepository, 'land' | 'landingTrouble'>;
  /** Tells the lane of a sync that its turn may come. Never throws. */
  tellLane(reference: LaneReference): Promise<void>;
  logger: Logger;
  /** `result`: `whole`, or the code of what kept it from landing. */
  landed(result: string, rows: number): void;
}

// Parts that one partition keeps in memory: four full ones. Beyond it the largest goes to the store early, so an idle sync costs little.
const OPEN_BYTES = 16 * 1024 * 1024;
// Syncs that one partition keeps open, of about a kilobyte each: several times the connectors of a large city in one partition.
const MOST_OPEN = 2_000;
// Six times the longest read that a source is allowed by default: what is silent for longer lost its connector, and nothing replaced it.
const SILENT_MS = 6 * 60 * 60_000;
// Ends that are remembered to drop what is delivered again after them: a few times the syncs that can be open at once.
const REMEMBERED = 10_000;

/**
 * Moves the syncs of one Kafka partition to the object store and tells the catalog of each. `resumeOffset` is the offset of the first message
 * of the oldest sync that the catalog has not been told of, so after a crash such syncs are read again from their beginning and none is
 * skipped (I5). Every attempt of a sync ends in one of three ways: the catalog is told that it landed, or why it could not, or messages of
 * a higher attempt arrive and it is dropped.
 */
export function landPartition(deps: LandingDeps, now: () => number = Date.now): PartitionHandler {
  const open = new Map<string, Assembly>();
  /** The last attempt that ended, by sync. */
  const ended = new Map<string, number>();
  let handled: bigint | undefined;

  const remember = (envelope: Envelope): void => {
    ended.delete(claimedAs(envelope));
    ended.set(claimedAs(envelope), envelope.attempt);
    const [oldest] = ended.keys();
    if (ended.size > REMEMBERED && oldest !== undefined) ended.delete(oldest);
  };

  /** Does a piece of work of a sync; whoever waits for the sync is told what keeps it, while it is tried again. */
  const tellingTrouble = async <T>({ envelope }: Assembly, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const { sync, attempt, traceparent } = envelope;
      // When it is the catalog that is away, nobody can be told.
      await deps.syncs
        .landingTrouble(sync, { claim: claimOf(attempt), traceparent, reason: reasonOf(error) })
        .catch(() => undefined);
      throw error;
    }
  };

  const store = async (assembly: Assembly, part: OpenPart): Promise<void> =>
    assembly.stored(part, await tellingTrouble(assembly, () => storePart(deps.store, assembly.envelope, part)));

  const conclude = async (assembly: Assembly): Promise<void> => {
    // Of what is not whole nothing more is kept.
    for (const part of assembly.whole() ? assembly.ready() : [])
      if (part.bytes > INLINE_PART_BYTES) await store(assembly, part);
      else assembly.stored(part, inlinePart(part));
    await tellingTrouble(assembly, () => dispatch(deps, assembly, assembly.completed()));
    const claim = claimedAs(assembly.envelope);
    if (open.get(claim) === assembly) open.delete(claim);
    remember(assembly.envelope);
  };

  /**
   * Gives up the syncs of the same connector that began before `by`: a connector reads one sync at a time, so once a later one has ended,
   * nothing more of them will come.
   */
  const abandonOvertaken = (by: Assembly): void => {
    for (const other of open.values()) {
      const { connector, sync } = other.envelope;
      if (connector === by.envelope.connector && other.firstOffset < by.firstOffset)
        other.abandon(`sync ${by.envelope.sync} of the same connector ended, and ${sync} was never closed`);
    }
  };
  const abandonExcess = (): void => {
    const waiting = [...open.values()].filter((assembly) => !assembly.ended());
    for (const assembly of waiting)
      if (now() - assembly.touchedAt > SILENT_MS)
        assembly.abandon(`nothing came of the sync for ${SILENT_MS / 3_600_000} hours`);
    if (waiting.length <= MOST_OPEN) return;
    const byAge = waiting.sort((a, b) => a.touchedAt - b.touchedAt);
    for (const assembly of byAge.slice(0, waiting.length - MOST_OPEN))
      assembly.abandon(`more than ${MOST_OPEN} syncs are open in its partition, and this one was silent longest`);
  };

  /** Tells the catalog of the syncs that have ended, then stores the largest open parts until the others are within `OPEN_BYTES`. */
  const settle = async (): Promise<void> => {
    abandonExcess();
    for (const assembly of [...open.values()]) if (assembly.ended()) await conclude(assembly);
    for (;;) {
      const parts = [...open.values()].flatMap((assembly) => assembly.opened().map((part) => ({ assembly, part })));
      if (parts.reduce((sum, { part }) => sum + part.bytes, 0) <= OPEN_BYTES) return;
      const largest = parts.reduce((a, b) => (b.part.bytes > a.part.bytes ? b : a));
      await store(largest.assembly, largest.part);
    }
  };

  return {
    async handle(message: IncomingMessage) {
      const offset = BigInt(message.offset);
      handled = offset;
      const { envelope, refusal } = judge(message);
      if (!envelope) return refusal;
      const claim = claimedAs(envelope);
      let assembly = open.get(claim);
      const over = Math.max(ended.get(claim) ?? 0, (assembly?.envelope.attempt ?? 1) - 1);
      if (envelope.attempt <= over) {
        await settle();
        return refusal;
      }
      if (!assembly || assembly.envelope.attempt < envelope.attempt) {
        assembly = new Assembly(envelope, offset, now());
        open.set(claim, assembly);
      }
      assembly.add(envelope, message.value, now(), refusal);
      if (assembly.ended()) {
        await conclude(assembly);
        abandonOvertaken(assembly);
      } else for (const part of assembly.ready()) await store(assembly, part);
      await settle();
      return refusal;
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

/**
 * A sync of a slot has one id. Where the catalog was restored to a time before it, the slot is claimed again, and what the first claim sent
 * may lie in Kafka still: read from another cursor, it must not be taken for the second's.
 */
const claimedAs = ({ sync, traceparent }: Envelope): string => `${sync} ${traceparent}`;

/** What a message is, and why it can never be used: by itself alone, so that nothing else is ever held against it. */
function judge(message: IncomingMessage): { envelope?: Envelope; refusal?: Reason | undefined } {
  try {
    const envelope = parseEnvelope(message);
    return { envelope, refusal: corruptionOf(envelope, message.value) };
  } catch (error) {
    if (codeOf(error) !== 'envelope.invalid') throw error;
    return { refusal: reasonOf(error) };
  }
}

/** Whether the very claim landed whole already. */
async function landedBefore(store: ObjectStore, manifestKey: string, traceparent: string): Promise<boolean> {
  const manifest = await readJson(store, manifestKey, landingManifestSchema, MAX_MANIFEST_BYTES);
  return manifest?.traceparent === traceparent;
}

async function storePart(store: ObjectStore, envelope: Envelope, part: OpenPart): Promise<LandingPart> {
  const { kind, firstSequence, lastSequence } = part;
  const name = `${kind}-${pad(firstSequence)}-${pad(lastSequence)}.${kind === 'rows' ? 'csv' : 'ndjson'}.gz`;
  const key = keys.landingPart(datasetId(envelope.dataset), envelope, name);
  const body = Buffer.concat(part.chunks);
  await store.put(key, body, 'application/gzip');
  return { key, ...factsOf(part, body) };
}

function inlinePart(part: OpenPart): LandingPart {
  const body = Buffer.concat(part.chunks);
  return { gzip: body.toString('base64'), ...factsOf(part, body) };
}

const factsOf = ({ kind, firstSequence, lastSequence, rows }: OpenPart, body: Buffer) => ({
  ...{ kind, firstSequence, lastSequence, rows },
  ...{ bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') },
});

async function dispatch(deps: LandingDeps, assembly: Assembly, completed: SyncCompleted | undefined): Promise<void> {
  const { dataset, connector, sync, attempt, traceparent } = assembly.envelope;
  const id = datasetId(dataset);
  const manifestKey = keys.landingManifest(id, assembly.envelope);
  const whole = assembly.whole();
  // After a restart the offsets may begin amid a sync that landed before: its manifest says that nothing is missing.
  const landed =
    whole || (completed && (await landedBefore(deps.store, manifestKey, traceparent))) ? completed : undefined;
  const log = deps.logger.child({ dataset, connector, sync, attempt, trace: traceIdOf(traceparent) });
  const claim = claimOf(attempt);
  const reference: LaneReference = { sync, datasetId: id, attempt, bytes: landed?.bytes ?? 0 };
  if (!landed) return tell(deps, log, reference, { attempt, claim, traceparent, problem: assembly.problem() });
  if (whole) {
    const manifest: LandingManifest = {
      schema: 'songhua.landing/2',
      dataset,
      datasetId: id,
      connector,
      sync,
      attempt,
      traceparent,
      parts: assembly.parts,
      completed: landed,
    };
    await deps.store.put(manifestKey, Buffer.from(JSON.stringify(manifest)), 'application/json');
  }
  const { rows, rejected, bytes, sha256: content } = landed;
  await tell(deps, log, reference, {
    attempt,
    claim,
    traceparent,
    manifest: manifestKey,
    rows,
    rejected,
    bytes,
    content,
  });
}

/** Tells the catalog what became of an attempt, and then its lane when the catalog says that there is something to refresh. */
async function tell(deps: LandingDeps, log: Logger, reference: LaneReference, facts: LandedFacts): Promise<void> {
  try {
    const { state, dispatch } = await deps.syncs.land(reference.sync, facts);
    if (dispatch) await deps.tellLane(reference);
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
