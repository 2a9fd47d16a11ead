export * from './sftp.js';
