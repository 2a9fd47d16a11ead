export * from './config.js';
export * from './logger.js';
export * from './metrics.js';
export * from './ops-server.js';
export * from './retry.js';
export * from './service.js';
export * from './tracing.js';
