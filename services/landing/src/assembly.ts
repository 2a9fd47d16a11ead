import { createHash } from 'node:crypto';
import {
  type Envelope,
  type LandingPart,
  RECORD_BATCH,
  SYNC_COMPLETED,
  type SyncCompleted,
  syncCompletedSchema,
} from '@songhua/contracts';
import { type Reason, SonghuaError } from '@songhua/domain';

// A part of this size keeps the number of objects low and a dozen open syncs within 100 MB.
const PART_BYTES = 4 * 1024 * 1024;
// A slice of this size is a good part of the response that it keeps in memory.
const SLICE_BYTES = 64 * 1024;
// Messages that wait for an earlier one. Kafka keeps their order, so this fills only after a replay that mixes partitions.
const REORDER_BYTES = 64 * 1024 * 1024;

/** Bytes that are ready to become one landed object. */
export interface OpenPart {
  kind: LandingPart['kind'];
  firstSequence: number;
  lastSequence: number;
  rows: number;
  chunks: Buffer[];
  bytes: number;
}

interface Waiting {
  envelope: Envelope;
  value: Buffer;
}

/**
 * One attempt of one sync as its messages arrive: any order, any number of times. Puts them into sequence, joins batches into
 * parts and knows when the sync is whole. Holds at most one open part of each kind and the messages that came early.
 */
export class Assembly {
  readonly firstOffset: bigint;
  readonly parts: LandingPart[] = [];
  touchedAt: number;
  private next = 0;
  private readonly early = new Map<number, Waiting>();
  private earlyBytes = 0;
  private readonly open = new Map<LandingPart['kind'], OpenPart>();
  private completedEvent: SyncCompleted | undefined;
  private broken: Reason | undefined;
  private readonly totals = { batches: 0, rows: 0, rejected: 0 };

  constructor(
    readonly envelope: Envelope,
    offset: bigint,
    now: number,
  ) {
    this.firstOffset = offset;
    this.touchedAt = now;
  }

  /** Takes a message; duplicates are ignored. Throws `batch.corrupt` when the value is not what was sent. */
  add(envelope: Envelope, value: Buffer, now: number): void {
    this.touchedAt = now;
    if (envelope.sequence < this.next || this.early.has(envelope.sequence)) return;
    const hash = createHash('sha256').update(value).digest('hex');
    if (hash !== envelope.sha256) {
      const message = `batch ${envelope.sequence} of sync ${envelope.sync} has SHA-256 ${hash}, expected ${envelope.sha256}; run the sync again`;
      this.broken ??= { code: 'batch.corrupt', message, actor: 'platform', retryable: false };
      throw new SonghuaError('batch.corrupt', message);
    }
    if (envelope.schema === SYNC_COMPLETED)
      this.completedEvent = syncCompletedSchema.parse(JSON.parse(value.toString('utf8')));
    // The value is a slice of a whole fetch response, which a small batch that waits would keep alive.
    const kept = value.length < SLICE_BYTES ? Buffer.from(value) : value;
    this.early.set(envelope.sequence, { envelope, value: kept });
    this.earlyBytes += value.length;
    for (let waiting = this.early.get(this.next); waiting; waiting = this.early.get(this.next)) {
      this.early.delete(this.next);
      this.earlyBytes -= waiting.value.length;
      this.append(waiting);
      this.next++;
    }
    if (this.earlyBytes > REORDER_BYTES) {
      this.broken ??= {
        code: 'landing.gap',
        message: `message ${this.next} of the sync is missing; run the sync again`,
        actor: 'platform',
        retryable: false,
      };
      this.early.clear();
      this.earlyBytes = 0;
    }
  }

  /** Parts to be stored now: full ones, and all of them once the sync is complete. A part stays until `stored` is called for it. */
  ready(): OpenPart[] {
    const all = [...this.open.values()];
    return this.complete() ? all : all.filter((part) => part.bytes >= PART_BYTES);
  }

  stored(part: OpenPart, landed: LandingPart): void {
    this.parts.push(landed);
    this.open.delete(part.kind);
  }

  /** Every message up to `sync-completed` has been taken. */
  complete(): boolean {
    return this.completedEvent !== undefined && this.early.size === 0 && this.next > this.totals.batches;
  }

  /** The closing event once it has come and nothing more can be expected: the sync is whole, or broken for good. */
  ended(): SyncCompleted | undefined {
    return this.completedEvent && (this.complete() || this.broken) ? this.completedEvent : undefined;
  }

  /** Why the sync cannot be landed; undefined when it is whole. Call after `ended`. */
  problem(): Reason | undefined {
    if (this.broken) return this.broken;
    const told = this.completedEvent;
    if (!told) return undefined;
    const { batches, rows, rejected } = this.totals;
    if (told.batches === batches && told.rows === rows && told.rejected === rejected) return undefined;
    return {
      code: 'landing.incomplete',
      message: `the source sent ${told.batches} batches, ${told.rows} rows and ${told.rejected} rejected rows, but ${batches}, ${rows} and ${rejected} arrived; run the sync again`,
      actor: 'platform',
      retryable: false,
    };
  }

  private append({ envelope, value }: Waiting): void {
    if (envelope.schema === SYNC_COMPLETED) return;
    const kind = envelope.schema === RECORD_BATCH ? 'rows' : 'rejected';
    this.totals.batches++;
    this.totals[kind] += envelope.rows;
    let part = this.open.get(kind);
    if (!part) {
      part = { kind, firstSequence: envelope.sequence, lastSequence: envelope.sequence, rows: 0, chunks: [], bytes: 0 };
      this.open.set(kind, part);
    }
    part.lastSequence = envelope.sequence;
    part.rows += envelope.rows;
    part.chunks.push(value);
    part.bytes += value.length;
  }
}
