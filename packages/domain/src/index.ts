export * from './access.js';
export * from './errors.js';
export * from './freshness.js';
export * from './identity.js';
export * from './ids.js';
export * from './reconcile.js';
export * from './schema.js';
export * from './states.js';
