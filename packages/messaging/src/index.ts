export * from './envelope.js';
export * from './errors.js';
export * from './kafka/messaging.js';
export * from './types.js';
