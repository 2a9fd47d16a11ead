export type { HttpConfig } from './config.js';
export { createHttpConnector, type HttpConnector } from './http.js';
