export { createPostgresConnector, type PostgresConfig } from './postgres.js';
