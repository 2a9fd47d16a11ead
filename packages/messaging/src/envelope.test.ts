import { expect, test } from '@jest/globals';
import { type Envelope, RECORD_BATCH, REJECTED_BATCH, SYNC_COMPLETED } from '@songhua/contracts';
import { reasonOf } from '@songhua/domain';
import fc from 'fast-check';
import { decodeEnvelope, encodeEnvelope, parseEnvelope } from './envelope.js';

const envelopes: fc.Arbitrary<Envelope> = fc.record({
  schema: fc.constantFrom(RECORD_BATCH, REJECTED_BATCH, SYNC_COMPLETED),
  dataset: fc.string(),
  connector: fc.string(),
  sync: fc.string(),
  attempt: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  sequence: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  rows: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
  traceparent: fc.string(),
});

const one: Envelope = {
  schema: RECORD_BATCH,
  dataset: 'd',
  connector: 'c',
  sync: 's',
  attempt: 1,
  sequence: 0,
  rows: 3,
  sha256: 'a'.repeat(64),
  traceparent: 't',
};

test('an envelope survives the way through headers', () => {
  fc.assert(
    fc.property(envelopes, (envelope) => {
      const headers = encodeEnvelope(envelope);
      for (const value of Object.values(headers)) expect(typeof value).toBe('string');
      expect(decodeEnvelope(headers)).toEqual(envelope);
    }),
  );
});

test('headers of other purposes do not disturb', () => {
  expect(decodeEnvelope({ ...encodeEnvelope(one), 'error-code': 'x.y' })).toEqual(one);
});

test('what is not an envelope is refused for good, naming header and message but no value', () => {
  const secret = '230102199001010012';
  for (const broken of [
    { attempt: '0' },
    { sequence: '-1' },
    { sequence: 'x' },
    { schema: secret },
    { sha256: secret },
    { rows: '1.5' },
  ]) {
    const message = {
      topic: 't',
      partition: 3,
      offset: '42',
      key: 'k',
      value: Buffer.alloc(0),
      headers: { ...encodeEnvelope(one), ...broken },
    };
    let thrown: unknown;
    try {
      parseEnvelope(message);
    } catch (error) {
      thrown = error;
    }
    const reason = reasonOf(thrown);
    expect(reason).toMatchObject({ code: 'envelope.invalid', retryable: false });
    expect(reason.message).toContain('t/3/42');
    expect(reason.message).toContain(Object.keys(broken)[0]);
    expect(reason.message).not.toContain(secret);
  }
});
