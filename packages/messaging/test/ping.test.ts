import { expect, test } from '@jest/globals';
import { createKafkaMessaging } from '@songhua/messaging';

test('a ping where no broker is fails without the retries of a send', async () => {
  const nobody = createKafkaMessaging({ brokers: ['127.0.0.1:1'], clientId: 'songhua-test' });
  await expect(nobody.ping()).rejects.toMatchObject({ code: 'messaging.unavailable', retryable: true });
}, 5_000);
