import type { Connector } from '@songhua/connector-sdk';
import { z } from 'zod';
import { createSqlConnector, ONE_SOURCE, oneSource, sqlReadingShape, sqlServerShape } from '../sql/index.js';
import { openMysql } from './session.js';

const configSchema = z
  .strictObject({ ...sqlServerShape(3306), ...sqlReadingShape })
  .refine(oneSource, { message: ONE_SOURCE, path: ['query'] });
export type MysqlConfig = z.infer<typeof configSchema>;

/** Reads MySQL and MariaDB. Secrets: `username`, `password`. */
export function createMysqlConnector(): Connector<MysqlConfig> {
  return createSqlConnector({
    kind: 'mysql',
    title: { zh: 'MySQL / MariaDB 数据库', en: 'MySQL and MariaDB' },
    configSchema,
    open: (context) => openMysql(context.config, context),
  });
}
