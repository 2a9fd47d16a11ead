export * from './file/index.js';
export * from './http/index.js';
export * from './kinds.js';
export * from './network/index.js';
export * from './s3/index.js';
export * from './sftp/index.js';
