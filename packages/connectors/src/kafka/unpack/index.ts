export { readCompressed } from './registry.js';
