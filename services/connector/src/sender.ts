import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip as gzipWithCallback, type ZlibOptions } from 'node:zlib';
import { cutRows } from '@songhua/connector-sdk';
import {
  DETAIL_BATCH,
  type Detail,
  type Envelope,
  type LineRun,
  MAX_BATCH_BYTES,
  RECORD_BATCH,
  REJECTED_BATCH,
  type RejectedRow,
  SYNC_COMPLETED,
  type SyncCompleted,
  type SyncDetails,
} from '@songhua/contracts';
import { SonghuaError } from '@songhua/domain';
import { encodeEnvelope, type OutgoingMessage, type Producer } from '@songhua/messaging';
import { type Batch, createGatherer, rejectedBatches, runDetails, syncDetails } from './details.js';

const gzip = promisify<Buffer, ZlibOptions, Buffer>(gzipWithCallback);
// Level 6 costs three times the CPU for a fifth less; one chunk of 128 KiB holds a typical compressed batch without joining.
const GZIP = { level: 1, chunkSize: 128 * 1024 };
// A small batch, such as the details of most syncs, would take 400 KB for a moment with the above, and with these takes 40.
const SMALL_BYTES = 8 * 1024;
const SMALL_GZIP = { level: 1, chunkSize: SMALL_BYTES, windowBits: 12, memLevel: 5 };
// Rows that come in pieces below this, as of a source of many small files, go together, up to it: each message has a cost of its own.
const GATHERED_BYTES = 64 * 1024;

export type EnvelopeBase = Pick<Envelope, 'dataset' | 'connector' | 'sync' | 'attempt' | 'traceparent'>;
export type Totals = Pick<SyncCompleted, 'batches' | 'details' | 'rows' | 'rejected' | 'bytes' | 'sha256'>;

export interface SyncSender {
  /** Resolves when there is room for more, not when the batch is sent. Throws what an earlier send threw. */
  rows(csv: Buffer, rows: number): Promise<void>;
  rejected(rows: readonly RejectedRow[]): Promise<void>;
  /** Where rows stand; sent as they come, a batch at a time. */
  lines(runs: readonly LineRun[]): Promise<void>;
  /**
   * Sends the details, the last batches and the closing event, once everything before them is acknowledged and `check` did not throw;
   * resolves when they are acknowledged too. Throws `source.too-many` for details beyond what a sync can carry.
   */
  complete(closing: Closing, check: () => void): Promise<Totals>;
  /** Resolves when nothing of this sender is on its way any more. Never throws. */
  settled(): Promise<void>;
}

export interface Closing {
  details: SyncDetails;
  event(totals: Totals): SyncCompleted;
}

/**
 * Sends one attempt of a sync: batches are compressed on zlib's threads, several at once, and handed to the producer strictly in
 * order, with at most `maxBytes` of them, and what is gathered for the next, in memory. The last rows wait, with the details after them, for the closing event, so a small
 * sync is one request. No message grows with the source: batches are at most MAX_BATCH_BYTES, the closing event has counts only.
 */
export function createSender(
  target: { producer: Producer; topic: string },
  base: EnvelopeBase,
  maxBytes: number,
): SyncSender {
  const content = createHash('sha256');
  const totals = { batches: 0, details: 0, rows: 0, rejected: 0, bytes: 0 };
  const details = createGatherer();
  const underway = new Set<Promise<void>>();
  let sequence = 0;
  let inMemory = 0;
  const failures: unknown[] = [];
  let held: Promise<OutgoingMessage>[] = [];
  let heldBytes = 0;
  let handedOver: Promise<void> = Promise.resolve();
  let roomMade: (() => void) | undefined;

  const assertSound = (): void => {
    if (failures.length > 0) throw failures[0];
  };
  const track = (work: Promise<void>, bytes: number): void => {
    const tracked = work
      .catch((error: unknown) => {
        failures.push(error);
      })
      .finally(() => {
        underway.delete(tracked);
        inMemory -= bytes;
        roomMade?.();
      });
    underway.add(tracked);
  };

  /** Hands `messages` over after everything before them; the returned promise is their acknowledgement. */
  const hand = (messages: Promise<OutgoingMessage>[]): Promise<void> => {
    const acknowledged = handedOver.then(async () => {
      const ready = await Promise.all(messages);
      assertSound();
      return { acknowledgement: target.producer.send(target.topic, ready) };
    });
    handedOver = acknowledged.then(
      ({ acknowledgement }) => {
        // Awaited below; here only so that a rejection before that is not unhandled.
        acknowledgement.catch(() => undefined);
      },
      () => undefined,
    );
    return acknowledged.then(({ acknowledgement }) => acknowledgement);
  };

  const message = async (schema: Envelope['schema'], value: Buffer, place: number, rows: number) => ({
    key: base.dataset,
    value,
    headers: encodeEnvelope({
      ...base,
      schema,
      sequence: place,
      rows,
      sha256: createHash('sha256').update(value).digest('hex'),
    }),
  });

  const submit = async (schema: Envelope['schema'], text: Buffer, rows: number): Promise<void> => {
    assertSound();
    const place = sequence++;
    totals.batches++;
    inMemory += text.length;
    const compressed = gzip(text, text.length <= SMALL_BYTES ? SMALL_GZIP : GZIP).then((value) =>
      message(schema, value, place, rows),
    );
    track(
      compressed.then(() => undefined),
      0,
    );
    // Within one batch's bytes, so that what is held goes in one request.
    const joins = schema === DETAIL_BATCH && heldBytes + text.length <= MAX_BATCH_BYTES;
    if (held.length > 0 && !joins) {
      track(hand(held), heldBytes);
      held = [];
      heldBytes = 0;
    }
    held.push(compressed);
    heldBytes += text.length;
    while (inMemory > maxBytes && failures.length === 0 && underway.size > 0) {
      await new Promise<void>((resolve) => {
        roomMade = resolve;
      });
    }
    assertSound();
  };

  let few = { csv: [] as Buffer[], rows: 0, bytes: 0 };
  const gather = (part: { csv: Buffer; rows: number }): void => {
    // The piece may be a slice of something larger, which would be kept with it.
    few.csv.push(Buffer.from(part.csv));
    few.rows += part.rows;
    few.bytes += part.csv.length;
  };
  const submitFew = async (): Promise<void> => {
    const { csv, rows, bytes } = few;
    few = { csv: [], rows: 0, bytes: 0 };
    if (bytes > 0) await submit(RECORD_BATCH, csv.length === 1 ? (csv[0] as Buffer) : Buffer.concat(csv), rows);
  };

  const submitAll = async (schema: Envelope['schema'], batches: readonly Batch[]): Promise<void> => {
    for (const { text, rows } of batches) await submit(schema, text, rows);
  };
  const submitDetails = async (batches: readonly Batch[]): Promise<void> => {
    totals.details += batches.length;
    await submitAll(DETAIL_BATCH, batches);
  };
  const tell = async (told: Iterable<Detail>): Promise<void> => {
    for (const detail of told) await submitDetails(details.add(detail));
  };

  return {
    async rows(csv, rows) {
      for (const part of csv.length > MAX_BATCH_BYTES ? cutRows(csv, MAX_BATCH_BYTES) : [{ csv, rows }]) {
        if (part.csv.length > MAX_BATCH_BYTES) throw tooLong(part.csv.length);
        content.update(part.csv);
        totals.rows += part.rows;
        totals.bytes += part.csv.length;
        if (few.bytes + part.csv.length > GATHERED_BYTES) await submitFew();
        if (part.csv.length > GATHERED_BYTES) await submit(RECORD_BATCH, part.csv, part.rows);
        else gather(part);
      }
    },
    async rejected(rows) {
      totals.rejected += rows.length;
      await submitAll(REJECTED_BATCH, rejectedBatches(rows));
    },
    lines: (runs) => tell(runDetails(runs)),
    async complete(closing, check) {
      await submitFew();
      await tell(syncDetails(closing.details));
      await submitDetails(details.take());
      // The closing event promises everything before it, so it goes only after all of that is acknowledged.
      await this.settled();
      assertSound();
      check();
      const told = { ...totals, sha256: content.digest('hex') };
      const last = message(SYNC_COMPLETED, Buffer.from(JSON.stringify(closing.event(told))), sequence++, 0);
      const final = hand([...held, last]);
      track(final, heldBytes);
      await final;
      return told;
    },
    async settled() {
      while (underway.size > 0) await Promise.all(underway);
    },
  };
}

const tooLong = (bytes: number): SonghuaError =>
  new SonghuaError(
    'limit.row-bytes',
    `a row takes ${bytes} bytes in the columns of all files, more than ${MAX_BATCH_BYTES}; give files of other columns a dataset of their own. 行过长`,
    { actor: 'department' },
  );
