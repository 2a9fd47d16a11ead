export { createMysqlConnector, type MysqlConfig } from './mysql.js';
