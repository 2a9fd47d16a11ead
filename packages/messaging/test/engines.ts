import { createKafkaMessaging, type Messaging } from '@songhua/messaging';

/** Messaging on the brokers that `SONGHUA_TEST_KAFKA_BROKERS` names (`host:port`, by commas). */
export function messagingOnKafka(): Messaging {
  return createKafkaMessaging({ brokers: testBrokers(), clientId: 'songhua-test' });
}

export function testBrokers(): string[] {
  const value = process.env.SONGHUA_TEST_KAFKA_BROKERS;
  if (value === undefined || value === '')
    throw new Error(
      'SONGHUA_TEST_KAFKA_BROKERS is not set: start the test engines (npm test does) or point it at running brokers',
    );
  return value.split(',');
}
