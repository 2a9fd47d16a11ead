export * from './lines.js';
export { replaces } from './normalize/modes.js';
export { wrongType } from './normalize/rejects.js';
export { rulesOf } from './rules.js';
export * from './tables.js';
export * from './types.js';
export { DEFAULT_BLANKS } from './values/blank.js';
