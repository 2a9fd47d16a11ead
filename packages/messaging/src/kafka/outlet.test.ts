import { expect, test } from '@jest/globals';
import type { Producer, ProducerRecord } from 'kafkajs';
import { createOutlet } from './outlet.js';

const MAX_BYTES = 1_000;

/** An outlet over producers that record their requests; `fail` makes a request fail after the broker may have taken it. */
function outletOver(fail: (producer: number, record: ProducerRecord) => boolean) {
  const requests: { producer: number; topic: string; values: unknown[] }[] = [];
  let opened = 0;
  let inFlight = 0;
  const open = (): Producer => {
    const producer = ++opened;
    const send = async (record: ProducerRecord) => {
      expect(++inFlight).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight--;
      requests.push({ producer, topic: record.topic, values: record.messages.map(({ value }) => String(value)) });
      if (fail(producer, record)) throw new Error('connection closed');
      return [];
    };
    return { connect: async () => undefined, disconnect: async () => undefined, send } as unknown as Producer;
  };
  const outlet = createOutlet(open, MAX_BYTES);
  const put = (topic: string, text: string, bytes = 10) =>
    outlet.send(topic, [{ key: 'k', value: Buffer.from(text), headers: {} }], bytes);
  return { outlet, put, requests };
}

test('sequence numbers of a failed request are never used for another: the next one has a new producer', async () => {
  const { put, requests } = outletOver((producer) => producer === 1);
  const [first, second] = await Promise.allSettled([put('t', 'a'), put('other', 'b')]);
  expect(first?.status).toBe('rejected');
  expect(second?.status).toBe('fulfilled');
  expect(requests.map(({ producer }) => producer)).toEqual([1, 2]);
});

test('what arrives during a request goes together in the next, by topic, in order, up to the size limit', async () => {
  const { put, requests } = outletOver(() => false);
  await Promise.all([
    put('t', 'a'),
    put('t', 'b'),
    put('t', 'c', 600),
    put('t', 'd', 600),
    put('other', 'e'),
    put('t', 'f'),
  ]);
  expect(requests.map(({ topic, values }) => `${topic} ${values.join('')}`)).toEqual([
    't a',
    't bc',
    't d',
    'other e',
    't f',
  ]);
});

test('close waits for what was accepted', async () => {
  const { outlet, put, requests } = outletOver(() => false);
  const sent = Promise.all([put('t', 'a'), put('t', 'b')]);
  await outlet.close();
  await sent;
  expect(requests).toHaveLength(2);
});
