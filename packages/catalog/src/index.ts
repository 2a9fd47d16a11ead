export * from './access-types.js';
export { createCatalog } from './catalog.js';
export type { IngestRepository, PushedContent } from './ingests.js';
export { applyMigrations } from './migrate.js';
export * from './operate-types.js';
export { assertReplayable } from './replayable.js';
export * from './resource-types.js';
export * from './types.js';
