export { assertEmptyCatalog, type CatalogCopy, type Loaded, type LoadOptions, loadCatalog } from './load.js';
export { openSnapshot } from './snapshot.js';
export * from './types.js';
export { type PushOwner, unacceptedPushes } from './unaccepted.js';
