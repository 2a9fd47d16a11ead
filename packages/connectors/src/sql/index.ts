export * from './config.js';
export * from './connected.js';
export * from './connector.js';
export * from './errors.js';
export * from './statement.js';
export * from './tables.js';
export * from './types.js';
