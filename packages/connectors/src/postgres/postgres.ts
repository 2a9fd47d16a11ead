import type { Connector } from '@songhua/connector-sdk';
import { z } from 'zod';
import { createSqlConnector, ONE_SOURCE, oneSource, sqlReadingShape, sqlServerShape } from '../sql/index.js';
import { openPostgres } from './session.js';

const configSchema = z
  .strictObject({ ...sqlServerShape(5432), ...sqlReadingShape })
  .refine(oneSource, { message: ONE_SOURCE, path: ['query'] });
export type PostgresConfig = z.infer<typeof configSchema>;

/** Reads PostgreSQL and servers that speak its protocol. Secrets: `username`, `password`. */
export function createPostgresConnector(): Connector<PostgresConfig> {
  return createSqlConnector({
    kind: 'postgres',
    title: { zh: 'PostgreSQL 数据库', en: 'PostgreSQL' },
    configSchema,
    open: (context) => openPostgres(context.config, context),
  });
}
