import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { type Envelope, SYNC_COMPLETED, type SyncCompleted } from '@songhua/contracts';
import { decodeEnvelope, type OutgoingMessage } from '@songhua/messaging';
import { type Closing, createSender } from '../src/sender.js';

const base = { dataset: 'd', connector: 'c', sync: 's', attempt: 1, traceparent: 't' };
const closing: Closing = {
  details: { columns: [{ name: 'a', source: 'A' }], files: [], cursor: { at: 1 } },
  event: (totals) => totals as SyncCompleted,
};

interface Sent {
  messages: OutgoingMessage[];
  acknowledge(): void;
  refuse(error: Error): void;
}

/** A producer whose acknowledgements the test gives, so that orders and failures are exact. */
function manualProducer() {
  const sent: Sent[] = [];
  return {
    sent,
    envelopes: (): Envelope[] => sent.flatMap(({ messages }) => messages.map(({ headers }) => decodeEnvelope(headers))),
    send: (_topic: string, messages: OutgoingMessage[]) =>
      new Promise<void>((resolve, reject) => {
        sent.push({ messages, acknowledge: resolve, refuse: reject });
      }),
    close: async () => undefined,
  };
}

const until = async (done: () => boolean): Promise<void> => {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
};

test('batches of any size are handed over in their order, and the closing event only after all are acknowledged', async () => {
  const producer = manualProducer();
  const sender = createSender({ producer, topic: 't' }, base, 1 << 24);
  const texts = [400_000, 70_000, 200_000, 80_000, 300_000].map((size, index) => Buffer.alloc(size, `${index}\n`));
  for (const text of texts) await sender.rows(text, 1);
  const completing = sender.complete(closing, () => undefined);
  await until(() => producer.sent.length === 4);
  expect(producer.envelopes().map((envelope) => envelope.sequence)).toEqual([0, 1, 2, 3]);

  for (const { acknowledge } of producer.sent.slice(1)) acknowledge();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(producer.sent).toHaveLength(4);
  producer.sent[0]?.acknowledge();
  await until(() => producer.sent.length === 5);
  expect(producer.sent[4]?.messages).toHaveLength(3);
  producer.sent[4]?.acknowledge();

  const totals = await completing;
  expect(totals).toEqual({
    batches: 6,
    details: 1,
    rows: 5,
    rejected: 0,
    bytes: Buffer.concat(texts).length,
    sha256: createHash('sha256').update(Buffer.concat(texts)).digest('hex'),
  });
  const values = producer.sent.flatMap(({ messages }) => messages.map((message) => message.value));
  expect(gunzipSync(Buffer.concat(values.slice(0, 5))).equals(Buffer.concat(texts))).toBe(true);
});

test('rows that come in small pieces go together, in their order, and what is large waits for nobody', async () => {
  const producer = manualProducer();
  const sender = createSender({ producer, topic: 't' }, base, 1 << 24);
  const texts = [
    ...Array.from({ length: 3_000 }, (_, i) => `${i},${'x'.repeat(90)}\n`),
    `${'y'.repeat(70_000)}\n`,
    'z\n',
  ];
  for (const text of texts) await sender.rows(Buffer.from(text), 1);
  const completing = sender.complete(closing, () => undefined);
  await until(() => {
    for (const { acknowledge } of producer.sent) acknowledge();
    return producer.envelopes().at(-1)?.schema === SYNC_COMPLETED;
  });
  const { rows, details, batches } = await completing;
  const sent = producer.sent.flatMap(({ messages }) => messages).slice(0, batches - details);
  expect([rows, sent.length]).toEqual([texts.length, 7]);
  expect(gunzipSync(Buffer.concat(sent.map(({ value }) => value))).toString()).toBe(texts.join(''));
});

test('a small sync is one request', async () => {
  const producer = manualProducer();
  const sender = createSender({ producer, topic: 't' }, base, 1 << 20);
  await sender.rows(Buffer.from('1,a\n'), 1);
  const completing = sender.complete(closing, () => undefined);
  await until(() => producer.sent.length === 1);
  producer.sent[0]?.acknowledge();
  await completing;
  expect(producer.envelopes().map(({ sequence, schema }) => [sequence, schema])).toEqual([
    [0, 'record-batch/1'],
    [1, 'detail-batch/1'],
    [2, SYNC_COMPLETED],
  ]);
});

test('reading waits while more than the limit is in memory', async () => {
  const producer = manualProducer();
  const sender = createSender({ producer, topic: 't' }, base, 100_000);
  let accepted = 0;
  const reading = (async () => {
    for (let turn = 0; turn < 5; turn++) {
      await sender.rows(Buffer.alloc(90_000, 'x\n'), 1);
      accepted++;
    }
  })();
  await until(() => producer.sent.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(accepted).toBe(1);
  for (let turn = 0; turn < 4; turn++) {
    await until(() => producer.sent.length > turn);
    producer.sent[turn]?.acknowledge();
  }
  await reading;
});

test('after a refused batch nothing is sent any more, least of all the closing event', async () => {
  const producer = manualProducer();
  const sender = createSender({ producer, topic: 't' }, base, 1 << 24);
  for (const text of ['1', '2', '3']) await sender.rows(Buffer.alloc(70_000, text), 1);
  await until(() => producer.sent.length === 2);
  const completing = sender.complete(closing, () => undefined);
  producer.sent[0]?.refuse(new Error('away'));
  producer.sent[1]?.acknowledge();
  await expect(completing).rejects.toThrow('away');
  await sender.settled();
  expect(producer.sent).toHaveLength(2);
});

test('a sync that is not this replica’s any more is not closed', async () => {
  const producer = manualProducer();
  const sender = createSender({ producer, topic: 't' }, base, 1 << 24);
  await sender.rows(Buffer.from('1\n'), 1);
  const lost = (): void => {
    throw new Error('lost');
  };
  await expect(sender.complete(closing, lost)).rejects.toThrow('lost');
  expect(producer.sent).toEqual([]);
});
