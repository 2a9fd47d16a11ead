export { wrongType } from './normalize/rejects.js';
export * from './tables.js';
export * from './types.js';
