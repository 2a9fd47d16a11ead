export { createCkanConnector } from './ckan.js';
export type { CkanConfig } from './config.js';
