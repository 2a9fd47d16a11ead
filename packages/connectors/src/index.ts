export * from './file/index.js';
export * from './http/index.js';
export * from './kinds.js';
export * from './network/index.js';
