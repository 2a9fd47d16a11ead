import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { databaseError } from './errors.js';
import type { PrismaClient } from './generated/client.js';
import type { CatalogOptions } from './types.js';

const INT8 = 20;
const types: pg.CustomTypesConfig = {
  // Counts and positions stay far below 2^53.
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 ? Number : pg.types.getTypeParser(oid, format as 'text')) as pg.CustomTypesConfig['getTypeParser'],
};

/** One pool for a process. Hot statements go to the driver; Prisma is loaded only when something asks for it. */
export interface Database {
  /** Rows of one prepared statement; throws SonghuaError (see `databaseError`). */
  query<Row>(name: string, text: string, values?: unknown[]): Promise<Row[]>;
  /** Runs `work` in a transaction on one connection. */
  transaction<T>(work: (query: Database['query']) => Promise<T>): Promise<T>;
  /**
   * The typed client, on the same pool. Its query compiler takes about 50 MB, so the processes on the hot path,
   * connector, landing and refresh, must not reach it.
   */
  prisma(): Promise<PrismaClient>;
  close(): Promise<void>;
}

export function createDatabase(options: CatalogOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    max: options.poolSize,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
    // A statement that takes longer waits for a lock that nobody gives back.
    statement_timeout: 30_000,
    idle_in_transaction_session_timeout: 90_000,
    application_name: options.applicationName ?? 'songhua',
  });
  // An idle connection that breaks is replaced by the next query; without a listener it would end the process.
  pool.on('error', () => undefined);

  const run =
    (client: pg.Pool | pg.PoolClient): Database['query'] =>
    async <Row>(name: string, text: string, values: unknown[] = []) => {
      try {
        return (await client.query<pg.QueryResultRow>({ name, text, values, types })).rows as Row[];
      } catch (error) {
        throw databaseError(error);
      }
    };

  let prisma: Promise<PrismaClient> | undefined;
  const loadPrisma = async (): Promise<PrismaClient> => {
    const { PrismaClient } = await import('./generated/client.js');
    return new PrismaClient({ adapter: new PrismaPg(pool) });
  };

  return {
    query: run(pool),
    async transaction(work) {
      const client = await pool.connect().catch((error: unknown) => {
        throw databaseError(error);
      });
      let broken = false;
      try {
        await run(client)('begin', 'BEGIN');
        const result = await work(run(client));
        await run(client)('commit', 'COMMIT');
        return result;
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {
          broken = true;
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
    prisma() {
      prisma ??= loadPrisma();
      return prisma;
    },
    async close() {
      await (await prisma)?.$disconnect();
      await pool.end();
    },
  };
}
