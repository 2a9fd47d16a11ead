export * from './errors.js';
export * from './minio.js';
export * from './types.js';
