export type { KafkaConfig } from './config.js';
export { createKafkaConnector } from './kafka.js';
