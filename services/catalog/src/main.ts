import { loadConfig, runService } from '@songhua/runtime';
import { configSchema } from './config.js';
import { startCatalogService } from './service.js';

runService('catalog', (context) => startCatalogService(loadConfig(configSchema), context));
