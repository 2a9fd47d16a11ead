import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { type Envelope, RECORD_BATCH, REJECTED_BATCH, SYNC_COMPLETED, type SyncCompleted } from '@songhua/contracts';
import fc from 'fast-check';
import { Assembly } from './assembly.js';

interface Sent {
  envelope: Envelope;
  value: Buffer;
}

const sha256 = (value: Buffer): string => createHash('sha256').update(value).digest('hex');

function sent(schema: Envelope['schema'], sequence: number, rows: number, value: Buffer): Sent {
  return {
    envelope: {
      schema,
      dataset: 'd',
      connector: 'c',
      sync: 'sy_1',
      attempt: 1,
      sequence,
      rows,
      sha256: sha256(value),
      traceparent: 't',
    },
    value,
  };
}

/** The messages of one sync, as the connector service sends them. */
function syncOf(
  batches: { rejected: boolean; rows: number; text: string }[],
  lie: Partial<SyncCompleted> = {},
): Sent[] {
  const messages = batches.map((b, i) =>
    sent(b.rejected ? REJECTED_BATCH : RECORD_BATCH, i, b.rows, Buffer.from(b.text)),
  );
  const sum = (rejected: boolean): number =>
    batches.filter((b) => b.rejected === rejected).reduce((n, b) => n + b.rows, 0);
  const completed: SyncCompleted = {
    mode: 'full',
    scope: 'all',
    operations: false,
    reset: false,
    number: 1,
    columns: [],
    files: [],
    lines: [],
    batches: batches.length,
    rows: sum(false),
    rejected: sum(true),
    bytes: 0,
    sha256: '',
    cursor: {},
    startedAt: '',
    completedAt: '',
    ...lie,
  };
  return [...messages, sent(SYNC_COMPLETED, batches.length, 0, Buffer.from(JSON.stringify(completed)))];
}

/** Feeds messages and stores parts as the partition handler does; returns the bytes of each kind. */
function assemble(messages: Sent[]): { rows: string; rejected: string; assembly: Assembly } {
  const first = messages[0];
  if (!first) throw new Error('a sync has at least its closing message');
  const assembly = new Assembly(first.envelope, 0n, 0);
  const text = { rows: '', rejected: '' };
  for (const { envelope, value } of messages) {
    assembly.add(envelope, value, 0);
    for (const part of assembly.ready()) {
      text[part.kind] += Buffer.concat(part.chunks).toString();
      const { kind, firstSequence, lastSequence, rows, bytes } = part;
      assembly.stored(part, { key: '', kind, firstSequence, lastSequence, rows, bytes, sha256: '' });
    }
  }
  return { ...text, assembly };
}

const batches = fc.array(fc.record({ rejected: fc.boolean(), rows: fc.nat({ max: 100 }), text: fc.string() }), {
  maxLength: 20,
});

describe('a sync in landing', () => {
  test('comes out whole and in sequence, however its messages are repeated and shuffled', () => {
    const shuffled = batches.chain((b) => {
      const messages = syncOf(b);
      const thrice = [...messages, ...messages, ...messages];
      return fc.tuple(
        fc.constant(b),
        fc.shuffledSubarray(thrice, { minLength: thrice.length, maxLength: thrice.length }),
      );
    });
    fc.assert(
      fc.property(shuffled, ([b, messages]) => {
        const { rows, rejected, assembly } = assemble(messages);
        expect(assembly.ended()).toBeDefined();
        expect(assembly.problem()).toBeUndefined();
        expect(rows).toBe(
          b
            .filter((x) => !x.rejected)
            .map((x) => x.text)
            .join(''),
        );
        expect(rejected).toBe(
          b
            .filter((x) => x.rejected)
            .map((x) => x.text)
            .join(''),
        );
      }),
    );
  });

  test('does not end while any message is missing', () => {
    fc.assert(
      fc.property(batches, fc.nat(), (b, pick) => {
        const messages = syncOf(b);
        const without = messages.filter((_, i) => i !== pick % messages.length);
        fc.pre(without.length > 0);
        expect(assemble(without).assembly.ended()).toBeUndefined();
      }),
    );
  });

  test('says what is missing when the counts of its closing event are not met', () => {
    const { assembly } = assemble(syncOf([{ rejected: false, rows: 3, text: 'a' }], { rows: 4 }));
    expect(assembly.problem()).toMatchObject({
      code: 'landing.incomplete',
      message: expect.stringContaining('4 rows'),
    });
  });

  test('is refused when a batch is not what was sent, and ends with that reason', () => {
    const messages = syncOf([{ rejected: false, rows: 1, text: 'abc' }]);
    const [batch, completed] = messages as [Sent, Sent];
    const assembly = new Assembly(batch.envelope, 0n, 0);
    expect(() => assembly.add(batch.envelope, Buffer.from('abd'), 0)).toThrow(
      expect.objectContaining({ code: 'batch.corrupt' }),
    );
    assembly.add(completed.envelope, completed.value, 0);
    expect(assembly.ended()).toBeDefined();
    expect(assembly.problem()).toMatchObject({ code: 'batch.corrupt' });
  });
});
