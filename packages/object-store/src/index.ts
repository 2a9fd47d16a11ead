export * from './commit.js';
export * from './errors.js';
export * from './json.js';
export * from './minio.js';
export * from './types.js';
