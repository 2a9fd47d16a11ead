import type { Messaging, MessagingOptions } from '../types.js';
import { createKafkaConsumer } from './consumer.js';
import { createKafkaProducer } from './producer.js';
import { deleteKafkaTopics, ensureKafkaTopics, pingKafka } from './topics.js';

/** The messaging ports on kafkajs. Opens no connection until one of its methods is called. */
export function createKafkaMessaging(options: MessagingOptions): Messaging {
  return {
    ensureTopics: (topics) => ensureKafkaTopics(options, topics),
    deleteTopics: (topics) => deleteKafkaTopics(options, topics),
    ping: () => pingKafka(options),
    producer: () => createKafkaProducer(options),
    consume: (consumer) => createKafkaConsumer(options, consumer),
  };
}
