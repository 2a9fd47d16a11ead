export * from './columns.js';
export * from './detection.js';
export * from './errors.js';
export * from './nearest.js';
export * from './read-tables.js';
export * from './remap.js';
export * from './spool.js';
export * from './types.js';
