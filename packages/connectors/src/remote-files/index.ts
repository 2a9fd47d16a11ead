export * from './pattern.js';
export * from './read.js';
export * from './types.js';
