export { type CatalogConfig, configSchema } from './config.js';
export { startCatalogService } from './service.js';
