export { createFileConnector, type FileConfig } from './file.js';
