export * from './access.js';
export * from './http.js';
export * from './landing.js';
export * from './manifest.js';
export * from './records.js';
export * from './refresh.js';
export * from './resources.js';
export * from './versions.js';
