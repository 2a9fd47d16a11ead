import { describe, expect, test } from '@jest/globals';
import { codeOf, reasonOf } from '@songhua/domain';
import type { IncomingMessage, Messaging } from '../types.js';
import { message, recorder, texts, until, useMessaging } from './fixture.js';

const SOON_MS = 100;

export function testDelivery(name: string, create: () => Messaging): void {
  describe(`${name}: delivery`, () => {
    const { messaging, producer, topic, consume } = useMessaging(create);

    test('a message arrives as it was sent, with key, headers and every byte', async () => {
      const name = await topic();
      const got: IncomingMessage[] = [];
      await consume(name, () => recorder(got));
      const value = Buffer.from([0, 255, 128, 10, 13]);
      await producer().send(name, [{ key: '哈尔滨', value, headers: { dataset: '录取', empty: '' } }]);
      await until('the message', () => got.length === 1);
      expect(got[0]).toEqual({
        topic: name,
        partition: 0,
        offset: '0',
        key: '哈尔滨',
        value,
        headers: { dataset: '录取', empty: '' },
      });
    });

    test('the order within a key is kept through many sends at once', async () => {
      const name = await topic(6);
      const got: IncomingMessage[] = [];
      await consume(name, () => recorder(got));
      const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
      const sends: Promise<void>[] = [];
      for (let i = 0; i < 100; i++)
        for (const key of keys)
          sends.push(producer().send(name, [message(key, `${key}${2 * i}`), message(key, `${key}${2 * i + 1}`)]));
      await Promise.all(sends);
      await until('all messages', () => got.length >= 200 * keys.length);
      expect(got).toHaveLength(200 * keys.length);
      for (const key of keys) {
        const mine = got.filter((one) => one.key === key);
        expect(texts(mine)).toEqual(Array.from({ length: 200 }, (_, i) => `${key}${i}`));
        expect(new Set(mine.map((one) => one.partition)).size).toBe(1);
      }
    });

    test('one send may be larger than one request, and arrives whole and in order', async () => {
      const name = await topic();
      const sizes: number[] = [];
      const got: IncomingMessage[] = [];
      await consume(name, () => recorder(got, (one) => sizes.push(one.value.length)));
      const large = Array.from({ length: 12 }, (_, i) => ({
        key: 'k',
        value: Buffer.alloc(400_000 + i, i),
        headers: {},
      }));
      await producer().send(name, large);
      await until('all messages', () => got.length === 12);
      expect(sizes).toEqual(large.map(({ value }) => value.length));
    });

    test('a message alone on a quiet topic arrives within 100 ms', async () => {
      const name = await topic();
      const arrivals: number[] = [];
      await consume(name, () => recorder([], () => arrivals.push(Date.now())));
      await producer().send(name, [message('k', 'warm')]);
      await until('the first message', () => arrivals.length === 1);
      const delays: number[] = [];
      for (let i = 1; i <= 5; i++) {
        const sent = Date.now();
        await producer().send(name, [message('k', 'x')]);
        await until('the next message', () => arrivals.length === i + 1);
        delays.push((arrivals[i] ?? 0) - sent);
      }
      // The median, because another process may take the processor for a while.
      expect(delays.sort((a, b) => a - b)[2]).toBeLessThan(SOON_MS);
    });

    test('a message that no broker would take is messaging.too-large, at once', async () => {
      const name = await topic();
      const send = producer().send(name, [{ key: 'k', value: Buffer.alloc(2_000_000), headers: {} }]);
      expect(codeOf(await send.catch((error: unknown) => error))).toBe('messaging.too-large');
      await producer().send(name, [message('k', 'the next goes through')]);
    });

    test('sending to a topic that does not exist names it, and other topics go on', async () => {
      const name = await topic();
      const [missing] = await Promise.allSettled([
        producer().send(`${name}.absent`, [message('k', 'lost')]),
        producer().send(name, [message('k', 'kept')]),
      ]);
      const reason = reasonOf(missing?.status === 'rejected' ? missing.reason : undefined);
      expect(reason).toMatchObject({ code: 'messaging.topic-missing', retryable: false });
      expect(reason.message).toContain(`${name}.absent`);
      await producer().send(name, [message('k', 'after')]);
    });

    test('ensureTopics creates what is missing and leaves what is there, however many ask at once', async () => {
      const name = await topic(3);
      const got: IncomingMessage[] = [];
      await producer().send(name, [message('k', 'kept')]);
      const specs = [
        { name, partitions: 5 },
        { name: `${name}.more`, partitions: 1, config: { 'retention.ms': '60000' } },
      ];
      await Promise.all([messaging().ensureTopics(specs), messaging().ensureTopics(specs)]);
      await producer().send(`${name}.more`, [message('k', 'x')]);
      await consume(name, () => recorder(got));
      await until('the message', () => got.length === 1);
    });

    test('a closed producer refuses to send, and what was under way is there', async () => {
      const name = await topic();
      const mine = await messaging().producer();
      const sends = Promise.all(Array.from({ length: 20 }, (_, i) => mine.send(name, [message(`k${i}`, 'x')])));
      await mine.close();
      await sends;
      const late = mine.send(name, [message('k', 'late')]);
      expect(codeOf(await late.catch((error: unknown) => error))).toBe('messaging.closed');
    });
  });
}
