export * from './http-api.js';
export * from './http-server.js';
export * from './servers/mariadb.js';
export * from './servers/sshd.js';
export * from './sql-fixtures.js';
