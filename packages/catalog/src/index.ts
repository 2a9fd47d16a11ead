export * from './access-types.js';
export { createCatalog } from './catalog.js';
export { applyMigrations } from './migrate.js';
export * from './operate-types.js';
export * from './resource-types.js';
export * from './types.js';
