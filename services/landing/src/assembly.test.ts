import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import {
  DETAIL_BATCH,
  type Envelope,
  type LandingPart,
  RECORD_BATCH,
  REJECTED_BATCH,
  SYNC_COMPLETED,
  type SyncCompleted,
} from '@songhua/contracts';
import fc from 'fast-check';
import { Assembly, corruptionOf } from './assembly.js';

type Kind = LandingPart['kind'];
interface Sent {
  envelope: Envelope;
  value: Buffer;
}
interface Batch {
  kind: Kind;
  rows: number;
  text: string;
}

const KINDS: Kind[] = ['rows', 'rejected', 'details'];
const SCHEMAS = { rows: RECORD_BATCH, rejected: REJECTED_BATCH, details: DETAIL_BATCH } as const;
const sha256 = (value: Buffer): string => createHash('sha256').update(value).digest('hex');

function sent(schema: Envelope['schema'], sequence: number, rows: number, value: Buffer): Sent {
  const ids = { dataset: 'd', connector: 'c', sync: 'sy_1', attempt: 1, traceparent: 't' };
  return { envelope: { ...ids, schema, sequence, rows, sha256: sha256(value) }, value };
}

/** The messages of one sync, as the connector service sends them. */
function syncOf(batches: Batch[], lie: Partial<SyncCompleted> = {}): Sent[] {
  const messages = batches.map((b, i) => sent(SCHEMAS[b.kind], i, b.rows, Buffer.from(b.text)));
  const of = (kind: Kind): Batch[] => batches.filter((b) => b.kind === kind);
  const sum = (kind: Kind): number => of(kind).reduce((n, b) => n + b.rows, 0);
  const completed: SyncCompleted = {
    mode: 'full',
    scope: 'all',
    operations: false,
    reset: false,
    number: 1,
    batches: batches.length,
    details: of('details').length,
    rows: sum('rows'),
    rejected: sum('rejected'),
    bytes: 0,
    sha256: '',
    startedAt: '',
    completedAt: '',
    ...lie,
  };
  return [...messages, sent(SYNC_COMPLETED, batches.length, 0, Buffer.from(JSON.stringify(completed)))];
}

const add = (assembly: Assembly, { envelope, value }: Sent): void =>
  assembly.add(envelope, value, 0, corruptionOf(envelope, value));

/** Feeds messages and stores parts as the partition handler does; returns the bytes of each kind. */
function assemble(messages: Sent[]): { text: Record<Kind, string>; assembly: Assembly } {
  const first = messages[0];
  if (!first) throw new Error('a sync has at least its closing message');
  const assembly = new Assembly(first.envelope, 0n, 0);
  const text = { rows: '', rejected: '', details: '' };
  for (const message of messages) {
    add(assembly, message);
    for (const part of assembly.ready()) {
      text[part.kind] += Buffer.concat(part.chunks).toString();
      const { kind, firstSequence, lastSequence, rows, bytes } = part;
      assembly.stored(part, { key: '', kind, firstSequence, lastSequence, rows, bytes, sha256: '' });
    }
  }
  return { text, assembly };
}

const batches = fc.array(
  fc.record({ kind: fc.constantFrom(...KINDS), rows: fc.nat({ max: 100 }), text: fc.string() }),
  { maxLength: 20 },
);

describe('a sync in landing', () => {
  test('comes out whole and in sequence, wherever its delivery stops and however often it begins again', () => {
    fc.assert(
      fc.property(batches, fc.array(fc.nat(), { maxLength: 5 }), (b, rewinds) => {
        const messages = syncOf(b);
        // Delivery stops anywhere and begins again from the first message.
        const delivered = [...rewinds.flatMap((stop) => messages.slice(0, stop % messages.length)), ...messages];
        const { text, assembly } = assemble(delivered);
        expect(assembly.ended()).toBe(true);
        expect(assembly.whole()).toBe(true);
        for (const kind of KINDS)
          expect(text[kind]).toBe(
            b
              .filter((one) => one.kind === kind)
              .map((one) => one.text)
              .join(''),
          );
      }),
    );
  });

  test('whichever message is missing, ends with its closing event and not before, as a gap that names it', () => {
    fc.assert(
      fc.property(batches, fc.nat(), (b, pick) => {
        const messages = syncOf(b);
        const missing = pick % messages.length;
        fc.pre(messages.length > 1);
        const { assembly } = assemble(messages.filter((_, i) => i !== missing));
        const closed = missing !== messages.length - 1;
        expect(assembly.ended()).toBe(closed);
        if (!closed) return;
        expect(assembly.problem()).toMatchObject({
          code: 'landing.gap',
          message: expect.stringContaining(`message ${missing} `),
        });
        expect([assembly.parts, assembly.opened()]).toEqual([[], []]);
      }),
    );
  });

  test('that is given up ends as a gap with the reason, and keeps nothing', () => {
    const [batch] = syncOf([{ kind: 'rows', rows: 1, text: 'a' }]) as [Sent];
    const { assembly } = assemble([batch]);
    assembly.abandon('nobody waits for it');
    expect(assembly.ended()).toBe(true);
    expect(assembly.problem()).toMatchObject({ code: 'landing.gap', message: expect.stringContaining('nobody waits') });
    expect(assembly.opened()).toEqual([]);
  });

  test.each([{ rows: 4 }, { rejected: 1 }, { batches: 2 }, { details: 1 }])(
    'says what is missing when the counts of its closing event are not met: %j',
    (lie) => {
      const { assembly } = assemble(syncOf([{ kind: 'rows', rows: 3, text: 'a' }], lie));
      expect(assembly.problem()).toMatchObject({ code: 'landing.incomplete' });
    },
  );

  test('is refused when a batch is not what was sent, and ends with that reason', () => {
    const [batch, completed] = syncOf([{ kind: 'rows', rows: 1, text: 'abc' }]) as [Sent, Sent];
    const assembly = new Assembly(batch.envelope, 0n, 0);
    add(assembly, { envelope: batch.envelope, value: Buffer.from('abd') });
    add(assembly, completed);
    expect(assembly.ended()).toBe(true);
    expect(assembly.problem()).toMatchObject({ code: 'batch.corrupt' });
  });

  test.each([
    ['is not what was sent', (completed: Sent) => ({ ...completed, value: Buffer.from('{}') })],
    ['is of a form that is not known', ({ envelope }: Sent) => sent(envelope.schema, 1, 0, Buffer.from('{"rows":1}'))],
    ['is no JSON', ({ envelope }: Sent) => sent(envelope.schema, 1, 0, Buffer.from('{'))],
  ])('ends with the reason when its closing event %s', (_, spoil) => {
    const [batch, completed] = syncOf([{ kind: 'rows', rows: 1, text: 'abc' }]) as [Sent, Sent];
    const { assembly } = assemble([batch]);
    const spoilt = spoil(completed);
    for (let turn = 0; turn < 2; turn++) add(assembly, spoilt);
    expect(assembly.ended()).toBe(true);
    expect(assembly.problem()).toMatchObject({ code: 'batch.corrupt' });
  });
});
