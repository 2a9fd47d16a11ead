import type { Connector } from '@songhua/connector-sdk';
import { z } from 'zod';
import { createSqlConnector, ONE_SOURCE, oneSource, sqlReadingShape, sqlServerShape } from '../sql/index.js';
import { damengDialect, oracleDialect } from './dialects.js';
import { type OracleLike, openOracleLike } from './oracle-like.js';
import { openSqlserver } from './sqlserver.js';
import { columnTypeOf, oracleTypeOf } from './types.js';

const configFor = (port: number) =>
  z
    .strictObject({ ...sqlServerShape(port), ...sqlReadingShape })
    .refine(oneSource, { message: ONE_SOURCE, path: ['query'] });
const schemas = { oracle: configFor(1521), sqlserver: configFor(1433), dameng: configFor(5236) };
export type DriverConfig = z.infer<typeof schemas.oracle>;

const ORACLE: OracleLike = {
  driver: 'oracledb',
  product: 'Oracle',
  dialect: oracleDialect,
  typeOf: oracleTypeOf,
  connectString: (port, service) => `127.0.0.1:${port}/${service ?? ''}`,
  manners: ["ALTER SESSION SET TIME_ZONE = '+00:00' NLS_NUMERIC_CHARACTERS = '. '"],
};
const DAMENG: OracleLike = {
  driver: 'dmdb',
  product: 'Dameng',
  dialect: damengDialect,
  typeOf: columnTypeOf,
  connectString: (port) => `127.0.0.1:${port}`,
  manners: [],
};

export interface DriverOptions {
  /** Folder with the `node_modules` that the city installed drivers into. */
  folder?: string | undefined;
}

/** Kinds whose driver the city installs. Secrets: `username`, `password`. */
export function createDriverConnectors({ folder }: DriverOptions = {}): Connector<DriverConfig>[] {
  return [
    createSqlConnector({
      kind: 'oracle',
      title: { zh: 'Oracle 数据库（需安装驱动）', en: 'Oracle (driver to be installed)' },
      configSchema: schemas.oracle,
      open: (context) => openOracleLike(ORACLE, context.config, context, folder),
    }),
    createSqlConnector({
      kind: 'sqlserver',
      title: { zh: 'SQL Server 数据库（需安装驱动）', en: 'SQL Server (driver to be installed)' },
      configSchema: schemas.sqlserver,
      open: (context) => openSqlserver(context.config, context, folder),
    }),
    createSqlConnector({
      kind: 'dameng',
      title: { zh: '达梦数据库（需安装驱动）', en: 'Dameng (driver to be installed)' },
      configSchema: schemas.dameng,
      open: (context) => openOracleLike(DAMENG, context.config, context, folder),
    }),
  ];
}
