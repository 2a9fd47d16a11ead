import {
  type Connector,
  type ReadContext,
  type SourceMessage,
  type StreamInfo,
  throwIfAborted,
} from '@songhua/connector-sdk';
import type { z } from 'zod';
import { describe } from './columns.js';
import type { SqlReading } from './config.js';
import { sqlReadingOf } from './cursor.js';
import { otherStreamOf, streamOf } from './discover.js';
import { isIncremental } from './plan.js';
import { readSql } from './read.js';
import type { SqlSession } from './types.js';

export interface SqlKind<Config> {
  kind: string;
  title: { zh: string; en: string };
  configSchema: z.ZodType<Config>;
  /** Opens a session; its errors are `source.…`. */
  open(context: ReadContext<Config>): Promise<SqlSession>;
}

/** A connector whose source answers SQL. All that such kinds share is here; a kind brings its session and dialect. */
export function createSqlConnector<Config extends SqlReading>(kind: SqlKind<Config>): Connector<Config> {
  const { configSchema, title } = kind;
  return {
    kind: kind.kind,
    title,
    configSchema,
    ranges: true,
    test: (context) =>
      within(kind, context, async (session) => {
        if (context.config.table === undefined && context.config.query === undefined) {
          const tables = await session.tables();
          return { message: `connected; ${tables.length} table(s), name one of them as table` };
        }
        const { source, columns } = await describe(session, context.config);
        return { message: `${source.name} can be read, ${columns.length} columns` };
      }),
    discover: (context) => within(kind, context, (session) => discover(session, context.config)),
    read: (context) => read(kind, context),
  };
}

async function discover(session: SqlSession, config: SqlReading): Promise<StreamInfo[]> {
  if (config.table === undefined && config.query === undefined) return (await session.tables()).map(otherStreamOf);
  const { source, columns } = await describe(session, config);
  const tables = await session.tables();
  const named = (schema: string | undefined) => (table: { schema?: string | undefined; name: string }) =>
    table.name === config.table && (schema === undefined || table.schema === schema);
  const own = tables.find(named(config.schema));
  const first = own ?? { name: source.name, columns, key: [], counted: [] };
  const shown = config.columns === undefined ? first : { ...first, columns };
  return [streamOf(shown), ...tables.filter((table) => table !== own).map(otherStreamOf)];
}

async function* read<Config extends SqlReading>(
  kind: SqlKind<Config>,
  context: ReadContext<Config>,
): AsyncGenerator<SourceMessage> {
  const { signal, config } = context;
  throwIfAborted(signal);
  try {
    const session = await kind.open(context);
    try {
      yield* readSql(session, context, sqlReadingOf(config, isIncremental(context)));
    } finally {
      await session.close();
    }
  } catch (error) {
    // Whatever a connection says that was cut by us.
    throwIfAborted(signal);
    throw error;
  }
}

async function within<Config, T>(
  kind: SqlKind<Config>,
  context: ReadContext<Config>,
  work: (session: SqlSession) => Promise<T>,
): Promise<T> {
  throwIfAborted(context.signal);
  try {
    const session = await kind.open(context);
    try {
      return await work(session);
    } finally {
      await session.close();
    }
  } catch (error) {
    throwIfAborted(context.signal);
    throw error;
  }
}
