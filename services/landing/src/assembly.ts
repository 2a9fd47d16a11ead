import { createHash } from 'node:crypto';
import {
  DETAIL_BATCH,
  type Envelope,
  type LandingPart,
  RECORD_BATCH,
  SYNC_COMPLETED,
  type SyncCompleted,
  syncCompletedSchema,
} from '@songhua/contracts';
import type { Reason } from '@songhua/domain';

// A part of this size keeps the number of objects low and a dozen open syncs within 100 MB.
const PART_BYTES = 4 * 1024 * 1024;
// A slice of this size is a good part of the response that it keeps in memory.
const SLICE_BYTES = 64 * 1024;

type Kind = LandingPart['kind'];

/** Bytes that are ready to become one landed object. */
export interface OpenPart {
  kind: Kind;
  firstSequence: number;
  lastSequence: number;
  rows: number;
  chunks: Buffer[];
  bytes: number;
}

/** A reason for the platform to act on; reading the source again gets rid of it. */
const platform = (code: string, message: string): Reason => ({ code, message, actor: 'platform', retryable: false });

/**
 * Collects the messages of one attempt of one sync. They arrive in the order in which they were sent, each at least once. Batches of a kind are
 * joined into parts; at most one part of each kind is open at a time. A message that is missing or damaged makes the attempt unusable: its
 * parts are dropped, and `problem` says why.
 */
export class Assembly {
  parts: LandingPart[] = [];
  touchedAt: number;
  private next = 0;
  private closed = false;
  private readonly open = new Map<Kind, OpenPart>();
  private completedEvent: SyncCompleted | undefined;
  private broken: Reason | undefined;
  private readonly totals = { batches: 0, details: 0, rows: 0, rejected: 0 };

  constructor(
    readonly envelope: Envelope,
    readonly firstOffset: bigint,
    now: number,
  ) {
    this.touchedAt = now;
  }

  /** Takes a message; duplicates are ignored. `corruption`: what `corruptionOf` says of it. */
  add(envelope: Envelope, value: Buffer, now: number, corruption: Reason | undefined): void {
    this.touchedAt = now;
    if (envelope.sequence < this.next) return;
    const closing = envelope.schema === SYNC_COMPLETED;
    if (corruption) {
      this.break(corruption);
      this.closed ||= closing;
      return;
    }
    // The order of a partition is that of the sender, so what is missing now does not come.
    if (envelope.sequence > this.next)
      this.break(
        platform(
          'landing.gap',
          `message ${this.next} of the sync is missing: the first one after it is ${envelope.sequence}; run the sync again, and see that the topic keeps its messages longer than landing is away`,
        ),
      );
    this.next = envelope.sequence + 1;
    if (closing) {
      this.completedEvent = syncCompletedSchema.parse(JSON.parse(value.toString('utf8')));
      this.closed = true;
    } else if (!this.broken) this.append(envelope, value);
  }

  /** Gives up what has not ended: it ends as `landing.gap` for the reason given. */
  abandon(why: string): void {
    this.break(platform('landing.gap', `${why}; run the sync again`));
    this.closed = true;
  }

  /** Parts to be stored now: full ones, and all of them once the sync has ended. A part stays until `stored` is called for it. */
  ready(): OpenPart[] {
    return this.closed ? this.opened() : this.opened().filter((part) => part.bytes >= PART_BYTES);
  }

  /** Every part that is not stored. */
  opened(): OpenPart[] {
    return [...this.open.values()];
  }

  stored(part: OpenPart, landed: LandingPart): void {
    this.parts.push(landed);
    this.open.delete(part.kind);
  }

  /** Nothing more is expected: the closing event has come, or the sync was given up. */
  ended(): boolean {
    return this.closed;
  }

  /** The closing event, once it has come in one piece. */
  completed(): SyncCompleted | undefined {
    return this.completedEvent;
  }

  /** Every message came, and the closing event counts the same. */
  whole(): boolean {
    const told = this.completedEvent;
    if (this.broken || !told) return false;
    const { batches, details, rows, rejected } = this.totals;
    return told.batches === batches && told.details === details && told.rows === rows && told.rejected === rejected;
  }

  /** Why a sync that is not whole cannot be landed. */
  problem(): Reason {
    if (this.broken) return this.broken;
    const { batches, rows, rejected } = this.totals;
    const told = this.completedEvent;
    return platform(
      'landing.incomplete',
      `the source sent ${told?.batches} batches, ${told?.rows} rows and ${told?.rejected} rejected rows, but ${batches}, ${rows} and ${rejected} arrived; run the sync again`,
    );
  }

  private break(reason: Reason): void {
    this.broken ??= reason;
    this.open.clear();
    this.parts = [];
  }

  private append(envelope: Envelope, value: Buffer): void {
    const kind = kindOf(envelope.schema);
    this.totals.batches++;
    if (kind === 'details') this.totals.details++;
    else this.totals[kind] += envelope.rows;
    let part = this.open.get(kind);
    if (!part) {
      part = { kind, firstSequence: envelope.sequence, lastSequence: envelope.sequence, rows: 0, chunks: [], bytes: 0 };
      this.open.set(kind, part);
    }
    part.lastSequence = envelope.sequence;
    part.rows += envelope.rows;
    // The value is a slice of a whole fetch response, which a small batch that waits would keep alive.
    part.chunks.push(value.length < SLICE_BYTES ? Buffer.from(value) : value);
    part.bytes += value.length;
  }
}

const kindOf = (schema: Envelope['schema']): Kind =>
  schema === RECORD_BATCH ? 'rows' : schema === DETAIL_BATCH ? 'details' : 'rejected';

/** Why the value of a message is not what was sent, as `batch.corrupt`; undefined when it is. */
export function corruptionOf({ schema, sequence, sync, sha256 }: Envelope, value: Buffer): Reason | undefined {
  const hash = createHash('sha256').update(value).digest('hex');
  if (hash !== sha256)
    return platform(
      'batch.corrupt',
      `batch ${sequence} of sync ${sync} has SHA-256 ${hash}, expected ${sha256}; run the sync again`,
    );
  if (schema !== SYNC_COMPLETED || isClosingEvent(value)) return undefined;
  return platform(
    'batch.corrupt',
    `the closing event of sync ${sync} is not one that this landing knows; deploy one version of all services, then run the sync again`,
  );
}

function isClosingEvent(value: Buffer): boolean {
  try {
    return syncCompletedSchema.safeParse(JSON.parse(value.toString('utf8'))).success;
  } catch {
    return false;
  }
}
