import { type Connector, sourceError } from '@songhua/connector-sdk';
import { z } from 'zod';
import { findFiles } from '../file/roots.js';
import { createSqlConnector, ONE_SOURCE, oneSource, sqlReadingShape } from '../sql/index.js';
import { openSqlite } from './session.js';

const { schema: _, ...reading } = sqlReadingShape;
const configSchema = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .max(4096)
      .describe('The database file, relative to an allowed root folder or absolute inside one'),
    ...reading,
  })
  .refine(oneSource, { message: ONE_SOURCE, path: ['query'] });
export type SqliteConfig = z.infer<typeof configSchema>;

/** Reads an SQLite file inside `roots` (absolute folders, `department=` before those of one alone). */
export function createSqliteConnector({ roots }: { roots: string[] }): Connector<SqliteConfig> {
  return createSqlConnector({
    kind: 'sqlite',
    title: { zh: 'SQLite 数据库文件', en: 'SQLite file' },
    configSchema,
    async open(context) {
      const { path } = context.config;
      const [file, ...others] = await findFiles(path, roots, context.department);
      if (file === undefined || others.length > 0)
        throw sourceError(
          'source.ambiguous',
          `${path} names ${others.length + 1} files, expected one database; name it in the connector's path`,
        );
      return openSqlite(file, context);
    },
  });
}
