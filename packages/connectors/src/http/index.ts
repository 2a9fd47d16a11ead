export { createHttpConnector, type HttpConfig, type HttpConnector } from './http.js';
