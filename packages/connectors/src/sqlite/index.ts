export { createSqliteConnector, type SqliteConfig } from './sqlite.js';
