import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip as gzipWithCallback } from 'node:zlib';
import {
  type Envelope,
  RECORD_BATCH,
  REJECTED_BATCH,
  type RejectedRow,
  SYNC_COMPLETED,
  type SyncCompleted,
} from '@songhua/contracts';
import { encodeEnvelope, type OutgoingMessage, type Producer } from '@songhua/messaging';

const gzip = promisify<Buffer, { level: number; chunkSize: number }, Buffer>(gzipWithCallback);
// Level 6 costs three times the CPU for a fifth less; one chunk of 128 KiB holds a typical compressed batch without joining.
const GZIP = { level: 1, chunkSize: 128 * 1024 };

export type EnvelopeBase = Pick<Envelope, 'dataset' | 'connector' | 'sync' | 'attempt' | 'traceparent'>;
export type Totals = Pick<SyncCompleted, 'batches' | 'rows' | 'rejected' | 'bytes' | 'sha256'>;

export interface SyncSender {
  /** Resolves when there is room for more, not when the batch is sent. Throws what an earlier send threw. */
  rows(csv: Buffer, rows: number): Promise<void>;
  rejected(rows: RejectedRow[]): Promise<void>;
  /**
   * Sends the last batch and the closing event, once everything before them is acknowledged and `check` did not throw; resolves when
   * they are acknowledged too.
   */
  complete(close: (totals: Totals) => SyncCompleted, check: () => void): Promise<Totals>;
  /** Resolves when nothing of this sender is on its way any more. Never throws. */
  settled(): Promise<void>;
}

/**
 * Sends one attempt of a sync: batches are compressed on zlib's threads, several at once, and handed to the producer strictly in
 * order, with at most `maxBytes` of them in memory. The last batch waits for the closing event, so a small sync is one request.
 */
export function createSender(
  target: { producer: Producer; topic: string },
  base: EnvelopeBase,
  maxBytes: number,
): SyncSender {
  const content = createHash('sha256');
  const totals = { batches: 0, rows: 0, rejected: 0, bytes: 0 };
  const underway = new Set<Promise<void>>();
  let sequence = 0;
  let inMemory = 0;
  const failures: unknown[] = [];
  let held: Promise<OutgoingMessage> | undefined;
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
    const compressed = gzip(text, GZIP).then((value) => message(schema, value, place, rows));
    track(
      compressed.then(() => undefined),
      0,
    );
    if (held) track(hand([held]), heldBytes);
    held = compressed;
    heldBytes = text.length;
    while (inMemory > maxBytes && failures.length === 0 && underway.size > 0) {
      await new Promise<void>((resolve) => {
        roomMade = resolve;
      });
    }
    assertSound();
  };

  return {
    rows(csv, rows) {
      content.update(csv);
      totals.rows += rows;
      totals.bytes += csv.length;
      return submit(RECORD_BATCH, csv, rows);
    },
    rejected(rows) {
      totals.rejected += rows.length;
      return submit(REJECTED_BATCH, Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')), rows.length);
    },
    async complete(close, check) {
      // The closing event promises everything before it, so it goes only after all of that is acknowledged.
      await this.settled();
      assertSound();
      check();
      const told = { ...totals, sha256: content.digest('hex') };
      const last = message(SYNC_COMPLETED, Buffer.from(JSON.stringify(close(told))), sequence++, 0);
      const final = hand(held ? [held, last] : [last]);
      track(final, heldBytes);
      await final;
      return told;
    },
    async settled() {
      while (underway.size > 0) await Promise.all(underway);
    },
  };
}
