import { describe, expect, test } from '@jest/globals';
import { codeOf, type Reason, SonghuaError } from '@songhua/domain';
import type { IncomingMessage, Messaging, PartitionHandler } from '../types.js';
import { message, recorder, texts, until, useMessaging } from './fixture.js';

const poison: Reason = {
  code: 'batch.unreadable',
  message: 'the batch cannot be read: expected gzip',
  actor: 'platform',
  retryable: false,
};
const denied = () => new SonghuaError('object.denied', 'the clocks are too far apart', { actor: 'operator' });
const away = () => new SonghuaError('object.unavailable', 'the store is away', { retryable: true });

export function testFailures(name: string, create: () => Messaging): void {
  describe(`${name}: failures`, () => {
    const { messaging, producer, topic, consume } = useMessaging(create);

    const send = async (name: string, count: number): Promise<void> => {
      for (let i = 0; i < count; i++) await producer().send(name, [message('k', String(i), { sequence: String(i) })]);
    };
    const failOn = (text: string, error: () => Error) => (one: IncomingMessage) => {
      if (one.value.toString() === text) throw error();
    };

    test('ping answers where a broker is; topics that are deleted are gone, and deleting them again is no error', async () => {
      await messaging().ping();
      const name = await topic();
      await messaging().deleteTopics([name, `${name}.dead`]);
      await messaging().deleteTopics([name]);
      await expect(consume(name, () => recorder([]))).rejects.toMatchObject({ code: 'messaging.topic-missing' });
    });

    test('a poison message goes to the dead-letter topic with its reason, and the partition goes on', async () => {
      const name = await topic();
      const got: IncomingMessage[] = [];
      const dead: IncomingMessage[] = [];
      await send(name, 4);
      await consume(name, () => recorder(got, undefined, (one) => (one.value.toString() === '1' ? poison : undefined)));
      await consume(`${name}.dead`, () => recorder(dead));
      await until('the rest and the dead letter', () => got.length === 3 && dead.length === 1);
      expect(texts(got)).toEqual(['0', '2', '3']);
      expect(dead[0]).toMatchObject({
        key: 'k',
        value: Buffer.from('1'),
        headers: {
          sequence: '1',
          'error-code': 'batch.unreadable',
          'error-message': 'the batch cannot be read: expected gzip',
          'source-topic': name,
          'source-partition': '0',
          'source-offset': '1',
        },
      });
    });

    test('a poison message is buried once: a restart does not meet it again', async () => {
      const name = await topic();
      const dead: IncomingMessage[] = [];
      const met: string[] = [];
      const meet = (one: IncomingMessage) => {
        met.push(one.value.toString());
        return poison;
      };
      await send(name, 2);
      await consume(`${name}.dead`, () => recorder(dead));
      const first = await consume(name, () => recorder([], undefined, meet));
      await until('both dead letters', () => dead.length === 2);
      await first.close();
      await consume(name, () => recorder([], undefined, meet));
      await producer().send(name, [message('k', 'next')]);
      await until('the next message', () => met.includes('next'));
      expect(met).toEqual(['0', '1', 'next']);
    });

    test('I5: a refused message lets no offset pass one before it whose effect is not durable', async () => {
      const name = await topic();
      const met: string[] = [];
      const dead: IncomingMessage[] = [];
      // As of messages that are collected into one effect: the first one is open still.
      const collecting = (): PartitionHandler => ({
        async handle(one) {
          met.push(one.value.toString());
          return one.value.toString() === '1' ? poison : undefined;
        },
        resumeOffset: () => '0',
      });
      await send(name, 3);
      await consume(`${name}.dead`, () => recorder(dead));
      const first = await consume(name, collecting);
      await until('all messages and the dead letter', () => met.length === 3 && dead.length === 1);
      await first.close();
      const again: IncomingMessage[] = [];
      await consume(name, () => recorder(again));
      await until('all of them again', () => again.length === 3);
      expect(texts(again)).toEqual(['0', '1', '2']);
    });

    test('I5: what is thrown is never the fault of the message at hand: nothing is buried, and no offset passes it', async () => {
      const name = await topic();
      const dead: IncomingMessage[] = [];
      await send(name, 3);
      await consume(`${name}.dead`, () => recorder(dead));
      for (const thrown of [denied, () => new TypeError('undefined is not a function')]) {
        const got: IncomingMessage[] = [];
        const failing = await consume(name, () => recorder(got, failOn('0', thrown)), { retryForMs: 500 });
        const error = await failing.finished.catch((reason: unknown) => reason);
        expect(codeOf(error)).toBe('messaging.retries-exhausted');
        expect(got).toEqual([]);
      }
      const got: IncomingMessage[] = [];
      let failures = 3;
      await consume(name, () =>
        recorder(got, () => {
          if (failures-- > 0) throw denied();
        }),
      );
      await until('all messages', () => got.length === 3);
      expect(texts(got)).toEqual(['0', '1', '2']);
      expect(dead).toEqual([]);
    });

    test('a retryable failure is tried again until it passes, and later messages wait', async () => {
      const name = await topic();
      const got: IncomingMessage[] = [];
      let failures = 3;
      await send(name, 3);
      await consume(name, () =>
        recorder(got, (one) => {
          if (one.offset === '1' && failures-- > 0) throw away();
        }),
      );
      await until('all messages', () => got.length === 3);
      expect(texts(got)).toEqual(['0', '1', '2']);
    });

    test('when retries are used up the consumer fails visibly, and a restart begins with that message', async () => {
      const name = await topic();
      const got: IncomingMessage[] = [];
      await send(name, 3);
      const failing = await consume(name, () => recorder(got, failOn('1', away)), { retryForMs: 500 });
      const error = await failing.finished.catch((reason: unknown) => reason);
      expect(codeOf(error)).toBe('messaging.retries-exhausted');
      expect((error as Error).message).toContain(`${name}/0/1`);
      expect(codeOf((error as Error).cause)).toBe('object.unavailable');
      expect(texts(got)).toEqual(['0']);
      const again: IncomingMessage[] = [];
      await consume(name, () => recorder(again));
      await until('the rest', () => again.length === 2);
      expect(texts(again)).toEqual(['1', '2']);
    });

    test('a consumer does not start without its topic and its dead-letter topic', async () => {
      const name = await topic();
      await send(name, 1);
      for (const wrong of [{ deadLetterTopic: `${name}.absent` }, { topic: `${name}.absent` }]) {
        const refused = consume(name, () => recorder([]), wrong);
        expect(codeOf(await refused.catch((reason: unknown) => reason))).toBe('messaging.topic-missing');
      }
    });
  });
}
