import { describe, expect, test } from '@jest/globals';
import type { IncomingMessage, Messaging, PartitionHandler } from '../types.js';
import { message, recorder, texts, until, useMessaging } from './fixture.js';

/** One handler's life, as the port promises it. */
interface Life {
  partition: number;
  offsets: string[];
  revoked: boolean;
}

export function testGroups(name: string, create: () => Messaging): void {
  describe(`${name}: groups and offsets`, () => {
    const { producer, topic, consume } = useMessaging(create);

    const sendMany = async (name: string, from: number, to: number): Promise<void> => {
      const numbers = Array.from({ length: to - from }, (_, i) => from + i);
      await Promise.all(numbers.map((i) => producer().send(name, [message(`key ${i}`, String(i))])));
    };

    const living =
      (lives: Life[], got: IncomingMessage[], resume: (life: Life) => string | undefined) =>
      (partition: number): PartitionHandler => {
        const life: Life = { partition, offsets: [], revoked: false };
        lives.push(life);
        return {
          async handle(one) {
            if (life.revoked) throw new Error('a revoked handler was given a message');
            life.offsets.push(one.offset);
            got.push(one);
            return undefined;
          },
          resumeOffset: () => resume(life),
          revoked: () => {
            life.revoked = true;
          },
        };
      };
    test('after a clean close a consumer goes on where the last one ended, with nothing lost or repeated', async () => {
      const name = await topic(4);
      const first: IncomingMessage[] = [];
      const second: IncomingMessage[] = [];
      await sendMany(name, 0, 100);
      const one = await consume(name, () => recorder(first));
      await until('some messages', () => first.length > 0);
      await one.close();
      await expect(one.finished).resolves.toBeUndefined();
      await sendMany(name, 100, 120);
      await consume(name, () => recorder(second));
      await until('the rest', () => first.length + second.length >= 120);
      expect(new Set([...texts(first), ...texts(second)]).size).toBe(120);
      expect(first.length + second.length).toBe(120);
    });

    test('I5: what is not durable when a consumer ends comes again, from the first such message on', async () => {
      const name = await topic();
      const got: IncomingMessage[] = [];
      const again: IncomingMessage[] = [];
      for (let i = 0; i < 6; i++) await producer().send(name, [message('k', String(i))]);
      const lives: Life[] = [];
      const one = await consume(
        name,
        living(lives, got, () => '2'),
      );
      await until('all messages', () => got.length === 6);
      await one.close();
      await consume(name, () => recorder(again));
      await until('the rest again', () => again.length === 4);
      expect(texts(again)).toEqual(['2', '3', '4', '5']);
    });

    test('I5: a consumer that says nothing is durable commits nothing', async () => {
      const name = await topic();
      const got: IncomingMessage[] = [];
      const again: IncomingMessage[] = [];
      await producer().send(name, [message('k', '0'), message('k', '1')]);
      const one = await consume(
        name,
        living([], got, () => undefined),
      );
      await until('both messages', () => got.length === 2);
      await one.close();
      await consume(name, () => recorder(again));
      await until('both again', () => again.length === 2);
    });

    test('offsets are committed while a consumer runs, not only when it closes', async () => {
      const name = await topic();
      const got: IncomingMessage[] = [];
      await sendMany(name, 0, 10);
      await consume(name, () => recorder(got));
      await until('all messages', () => got.length === 10);
      // A second group member takes part in a rebalance; what it or the first then reads must begin after the committed offset.
      const later: IncomingMessage[] = [];
      await consume(name, () => recorder(later));
      await sendMany(name, 10, 11);
      await until('the new message', () => got.length + later.length >= 11);
      expect(got.length + later.length).toBe(11);
    });

    test('a rebalance gives fresh handlers that begin at the committed offsets, and loses nothing', async () => {
      const name = await topic(6);
      const lives: Life[] = [];
      const got: IncomingMessage[] = [];
      let sent = 0;
      const more = async (count: number) => {
        await sendMany(name, sent, sent + count);
        sent += count;
      };
      // Every third message is not yet durable, so that a rebalance must give some again.
      const lagging = (life: Life) => life.offsets.at(-3) ?? life.offsets[0];
      const handlers = living(lives, got, lagging);
      const allRead = () => new Set(texts(got)).size === sent;

      await more(120);
      const one = await consume(name, handlers);
      await until('the first messages', allRead);
      const before = lives.length;
      const two = await consume(name, handlers);
      await more(120);
      await until('the messages after the second member joined', allRead);
      const shared = lives.slice(before);
      expect(lives.slice(0, before).every((life) => life.revoked)).toBe(true);
      expect(new Set(shared.map((life) => life.partition)).size).toBe(6);
      for (const life of shared) {
        const old = lives.slice(0, before).find((previous) => previous.partition === life.partition);
        if (old) expect(life.offsets[0]).toBe(lagging(old));
      }

      await two.close();
      await more(60);
      await until('the messages after it left', allRead);
      await one.close();
      for (const life of lives) {
        expect(life.revoked).toBe(true);
        const numbers = life.offsets.map(Number);
        expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
      }
    }, 90_000);

    test('two groups each get every message', async () => {
      const name = await topic(2);
      const left: IncomingMessage[] = [];
      const right: IncomingMessage[] = [];
      await consume(name, () => recorder(left), { group: `${name}.left` });
      await consume(name, () => recorder(right), { group: `${name}.right` });
      await sendMany(name, 0, 20);
      await until('all messages twice', () => left.length === 20 && right.length === 20);
    });

    test('close waits for the message at hand and commits it', async () => {
      const name = await topic();
      const got: IncomingMessage[] = [];
      let release: () => void = () => undefined;
      let entered = false;
      await sendMany(name, 0, 1);
      const one = await consume(name, () =>
        recorder(got, () => {
          entered = true;
          return new Promise<void>((resolve) => {
            release = resolve;
          });
        }),
      );
      await until('the handler at work', () => entered);
      const closed = one.close();
      release();
      await closed;
      expect(got).toHaveLength(1);
      const again: IncomingMessage[] = [];
      await consume(name, () => recorder(again));
      await sendMany(name, 1, 2);
      await until('the next message', () => again.length >= 1);
      expect(texts(again)).toEqual(['1']);
    });
  });
}
