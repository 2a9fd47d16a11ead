export * from './config.js';
export * from './run-sync.js';
export * from './sender.js';
export * from './service.js';
